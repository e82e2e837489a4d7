using DistributedGpt.Tests;
using YamlDotNet.RepresentationModel;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>The manifests for Kubernetes and systemd, as far as they can be checked without either.</summary>
public sealed class ManifestTests
{
    private static readonly string s_deploy = Path.Combine(TestData.RepositoryRoot, "deploy");

    [Fact]
    public async Task Commands_OfPodsAndUnits_AreUnderstood()
    {
        string unit = File.ReadLines(Path.Combine(s_deploy, "systemd", "dgpt-silo.service")).Single(line => line.StartsWith("ExecStart=", StringComparison.Ordinal));
        string[][] commands =
        [
            .. Objects().Append(Read("gpu/silo.yaml").Single()).SelectMany(Containers).Where(container => container["image"].ToString().StartsWith("dgpt", StringComparison.Ordinal)).Select(container => Yaml.Texts(container["args"])),
            unit.Split(' ')[1..^1],
        ];
        Assert.Equal(4, commands.Length);
        foreach (string[] command in commands) await Dgpt.AcceptsAsync(command);
    }

    [Fact]
    public void Selectors_OfEveryObject_FindTheirPods()
    {
        string[] pods = [.. Objects().Where(HasPods).Select(each => each["spec"]["template"]["metadata"]["labels"].ToString())];
        foreach (YamlMappingNode each in Objects().Where(each => Kind(each) is "Service" or "PodDisruptionBudget" || HasPods(each)))
        {
            YamlNode selector = each["spec"]["selector"];
            string labels = (Kind(each) == "Service" ? selector : selector["matchLabels"]).ToString();
            Assert.True(pods.Contains(labels), $"{Kind(each)} {each["metadata"]["name"]}: {labels}");
        }
    }

    [Fact]
    public void Ports_OfServicesAndProbes_AreThoseOfTheirPods()
    {
        foreach (YamlMappingNode pods in Objects().Where(HasPods))
        {
            string labels = pods["spec"]["selector"]["matchLabels"].ToString();
            YamlMappingNode container = Containers(pods).Single();
            string[] named = [.. ((YamlSequenceNode)container["ports"]).Select(port => port["name"].ToString())];
            IEnumerable<string> services = Objects().Where(each => Kind(each) == "Service" && each["spec"]["selector"].ToString() == labels)
                .SelectMany(service => (YamlSequenceNode)service["spec"]["ports"]).Select(port => port["targetPort"].ToString());
            IEnumerable<string> probes = container.Where(entry => entry.Key.ToString().EndsWith("Probe", StringComparison.Ordinal))
                .Select(probe => (YamlMappingNode)probe.Value).Where(probe => probe.Children.ContainsKey("httpGet")).Select(probe => probe["httpGet"]["port"].ToString());

            Assert.All(services.Concat(probes), port => Assert.Contains(port, named));
        }
    }

    private static IEnumerable<YamlMappingNode> Objects() => Yaml.Texts(Read("kustomization.yaml").Single()["resources"]).SelectMany(Read);

    private static IEnumerable<YamlMappingNode> Read(string file) => Yaml.Read(File.ReadAllText(Path.Combine(s_deploy, "k8s", file)));

    private static IEnumerable<YamlMappingNode> Containers(YamlMappingNode pods) =>
        HasPods(pods) ? ((YamlSequenceNode)pods["spec"]["template"]["spec"]["containers"]).Cast<YamlMappingNode>() : [];

    private static bool HasPods(YamlMappingNode each) => Kind(each) is "StatefulSet" or "Deployment";

    private static string Kind(YamlMappingNode each) => each["kind"].ToString();
}
