using System.Globalization;
using System.Text.Json;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Cli;

/// <summary>
/// The silos that a plan is made for, as a JSON file tells them; <c>docs/architecture.md</c> has the format.
/// </summary>
/// <param name="Silos">The silos.</param>
/// <param name="Network">The links between them.</param>
internal sealed record Inventory(IReadOnlyList<SiloResources> Silos, SiloNetwork Network)
{
    private const double BytesPerMillisecondAtGigabit = 1e9 / 8 / 1000;

    /// <summary>Reads the file.</summary>
    /// <exception cref="ModelFormatException">It is not as it should be; the message names the file, the field, and what was found.</exception>
    public static Inventory Read(string path)
    {
        string file = Path.GetFullPath(path);
        ConfigSection root = JsonFile.Read(Path.GetDirectoryName(file) ?? file, Path.GetFileName(file));
        root.RequireKnown("silos", "network", "links");
        List<SiloResources> silos = [];
        foreach (ConfigSection section in root.Sections("silos"))
        {
            SiloResources silo = ReadSilo(section);
            if (silos.Exists(other => other.Name == silo.Name)) throw section.Error("name", "a name that no other silo has");
            silos.Add(silo);
        }

        if (silos.Count == 0) throw root.Error("silos", "a list of at least one silo");
        return new Inventory(silos, ReadNetwork(root, silos));
    }

    private static SiloResources ReadSilo(ConfigSection silo)
    {
        silo.RequireKnown("name", "device", "memory", "layer_ms");
        if (silo.TextOrNull("name") is not { Length: > 0 } name) throw silo.Error("name", "a name");
        return new SiloResources(name, silo.TextOrNull("device") ?? "cpu", ReadMemory(silo), ReadTimes(silo));
    }

    private static long ReadMemory(ConfigSection silo)
    {
        long? bytes = !silo.TryGet("memory", out JsonElement value) ? null
            : value.ValueKind == JsonValueKind.String ? Values.ParseSize(value.GetString()!)
            : value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) ? number : null;
        return bytes is > 0 ? bytes.Value : throw silo.Error("memory", "a number of bytes, or a size such as \"64GiB\"");
    }

    private static StepTimes ReadTimes(ConfigSection silo)
    {
        if (silo.SectionOrNull("layer_ms") is not { } times) throw silo.Error("layer_ms", "an object of milliseconds per layer by tokens in a step");
        Dictionary<int, double> points = [];
        foreach (JsonProperty point in times.Element.EnumerateObject())
        {
            if (!int.TryParse(point.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int tokens) || tokens < 1 || !points.TryAdd(tokens, times.Number(point.Name, 1e-9, 1e9)))
                throw times.Error(point.Name, "a number of tokens as the key, each once", $"\"{point.Name}\"");
        }

        return points.Count > 0 ? new StepTimes(points) : throw silo.Error("layer_ms", "at least one time", "none");
    }

    private static SiloNetwork ReadNetwork(ConfigSection root, List<SiloResources> silos)
    {
        Link usual = Link.Free;
        if (root.SectionOrNull("network") is { } network)
        {
            network.RequireKnown("latency_ms", "gigabits_per_second");
            usual = ReadLink(network, usual);
        }

        Dictionary<(int, int), Link> exceptions = [];
        foreach (ConfigSection link in root.Sections("links"))
        {
            link.RequireKnown("silos", "latency_ms", "gigabits_per_second");
            if (!exceptions.TryAdd(ReadEnds(link, silos), ReadLink(link, usual))) throw link.Error("silos", "two silos whose link is not told already", "them again");
        }

        return new SiloNetwork(usual, exceptions);
    }

    private static (int, int) ReadEnds(ConfigSection link, List<SiloResources> silos)
    {
        string[] names = link.TryGet("silos", out JsonElement ends) && ends.ValueKind == JsonValueKind.Array
            ? [.. ends.EnumerateArray().Select(end => end.ValueKind == JsonValueKind.String ? end.GetString()! : ConfigSection.Describe(end))]
            : throw link.Error("silos", "a list of two names of silos");
        int[] places = Array.ConvertAll(names, name => silos.FindIndex(silo => silo.Name == name));
        if (places.Length != 2 || places.Contains(-1) || places[0] == places[1]) throw link.Error("silos", "a list of two names of silos", $"[{string.Join(", ", names)}]");
        return (places.Min(), places.Max());
    }

    private static Link ReadLink(ConfigSection link, Link usual) => new(
        link.Number("latency_ms", 0, 1e6, usual.LatencyMilliseconds),
        link.Has("gigabits_per_second") ? link.Number("gigabits_per_second", 1e-6, 1e6) * BytesPerMillisecondAtGigabit : usual.BytesPerMillisecond);
}
