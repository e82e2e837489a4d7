using System.Diagnostics;
using DistributedGpt.Tests;
using YamlDotNet.RepresentationModel;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>The compose file as docker-compose understands it: variables replaced, shared parts filled in.</summary>
internal sealed class ComposeFile
{
    private readonly YamlMappingNode _services;

    private ComposeFile(YamlMappingNode services) => _services = services;

    /// <summary>The names of its services.</summary>
    public IEnumerable<string> Services => _services.Children.Keys.Select(key => key.ToString());

    /// <summary>Has docker-compose check and read the file.</summary>
    public static async Task<ComposeFile> ReadAsync()
    {
        await using DgptProcess compose = DgptProcess.Start(new ProcessStartInfo("docker-compose", ["config"]) { WorkingDirectory = TestData.RepositoryRoot });
        (int exitCode, string text) = await compose.EndAsync();
        Assert.True(exitCode == 0, compose.Error);
        return new ComposeFile((YamlMappingNode)Yaml.Read(text).Single()["services"]);
    }

    /// <summary>The profiles that start a service; none: it is always started.</summary>
    public string[] Profiles(string service) => _services[service] is YamlMappingNode node && node.Children.TryGetValue("profiles", out YamlNode? profiles) ? Yaml.Texts(profiles) : [];

    /// <summary>The words of a service's command.</summary>
    public string[] Command(string service) => Yaml.Texts(_services[service]["command"]);

    /// <summary>The words of a service's own health check.</summary>
    public string[] HealthCheck(string service) => Yaml.Texts(_services[service]["healthcheck"]["test"])[1..];

    /// <summary>A service's environment.</summary>
    public Dictionary<string, string> Environment(string service) =>
        ((YamlMappingNode)_services[service]["environment"]).ToDictionary(pair => pair.Key.ToString(), pair => pair.Value.ToString());
}
