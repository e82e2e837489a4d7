using System.Text;
using DistributedGpt.Client;
using DistributedGpt.Engine;

namespace DistributedGpt.Gateway;

/// <summary>A choice of the whole answer, as it grows.</summary>
internal sealed class CompletionChoice(string echoed)
{
    public StringBuilder Text { get; } = new(echoed);

    public List<GeneratedToken> Tokens { get; } = [];

    public List<int> Offsets { get; } = [];

    public FinishReason Finish { get; set; } = FinishReason.Length;
}
