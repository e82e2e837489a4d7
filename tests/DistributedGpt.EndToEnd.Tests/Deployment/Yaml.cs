using YamlDotNet.RepresentationModel;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>Reads YAML.</summary>
internal static class Yaml
{
    /// <summary>The documents of a text.</summary>
    public static IEnumerable<YamlMappingNode> Read(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return stream.Documents.Select(document => (YamlMappingNode)document.RootNode);
    }

    /// <summary>The items of a list.</summary>
    public static string[] Texts(YamlNode list) => [.. ((YamlSequenceNode)list).Select(item => item.ToString())];
}
