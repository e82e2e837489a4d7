using System.Text;
using DistributedGpt.Client;
using DistributedGpt.Engine;

namespace DistributedGpt.Cli;

/// <summary>One completion as it grows.</summary>
internal sealed class GeneratedChoice
{
    /// <summary>The text so far.</summary>
    public StringBuilder Text { get; } = new();

    /// <summary>The tokens so far; the one that ended the text is not among them.</summary>
    public List<GeneratedToken> Tokens { get; } = [];

    /// <summary>Why it ended.</summary>
    public FinishReason Finish { get; private set; }

    /// <summary>Adds a chunk.</summary>
    public void Add(CompletionChunk chunk)
    {
        Text.Append(chunk.Text);
        Tokens.AddRange(chunk.Tokens);
        Finish = chunk.Finish;
    }
}
