using DistributedGpt.Client;

namespace DistributedGpt.Cli;

/// <summary>
/// Writes completions as they come: the first one at once, each further one when those before it have ended, behind a line of
/// three hyphens.
/// </summary>
internal sealed class TextPrinter(StandardOutput output, int completions)
{
    private readonly string[] _held = [.. Enumerable.Repeat("", completions)];
    private readonly bool[] _ended = new bool[completions];
    private int _current;

    /// <summary>Whether the last character written ended a line.</summary>
    public bool AtLineStart { get; private set; } = true;

    /// <summary>Writes what can be written of a chunk, and keeps the rest.</summary>
    public void Add(CompletionChunk chunk)
    {
        _held[chunk.Completion] += chunk.Text;
        _ended[chunk.Completion] |= chunk.Finish != Engine.FinishReason.None;
        Flush();
        while (_ended[_current] && _current + 1 < completions)
        {
            _current++;
            Write(AtLineStart ? "---\n" : "\n---\n");
            Flush();
        }
    }

    private void Flush()
    {
        Write(_held[_current]);
        _held[_current] = "";
    }

    private void Write(string text)
    {
        if (text.Length == 0) return;
        output.Write(text);
        AtLineStart = text[^1] == '\n';
    }
}
