using System.Text;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Client;

/// <summary>
/// Turns the tokens of one completion into chunks of text. Text is held back only while it is a part of a character or begins a
/// stop string; it is released when that is refuted and at the end. However the text is split into tokens, the result is the same.
/// </summary>
/// <remarks>
/// The completion ends before the stop string that is complete first; of several that end with the same character, before the
/// longest. Tokens come with the text that they end in, each once; those whose text is cut off count as generated too.
/// Not safe for concurrent use.
/// </remarks>
public sealed class TextStream
{
    private readonly int _completion;
    private readonly StreamingDecoder _decoder;
    private readonly StopStringMatcher[] _stops;
    private readonly int _minTokens;
    private readonly StringBuilder _held = new();
    private readonly Queue<(GeneratedToken Token, long End)> _tokens = new();
    private long _released;
    private int _count;
    private bool _ended;

    /// <summary>Begins the text of a completion.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="request">The request: its prompt, which the text follows, and its least number of tokens, before which no stop string counts.</param>
    /// <param name="completion">The completion's index.</param>
    /// <param name="stopStrings">The stop strings.</param>
    /// <param name="showSpecialTokens">Whether special tokens appear in the text.</param>
    /// <exception cref="ArgumentException">A stop string is empty.</exception>
    public TextStream(
        Tokenizer tokenizer, GenerateRequest request, int completion, IReadOnlyList<string> stopStrings, bool showSpecialTokens = false)
    {
        _completion = completion;
        _decoder = new StreamingDecoder(tokenizer, request.PromptIds, showSpecialTokens);
        _stops = [.. stopStrings.Select(stop => new StopStringMatcher(stop))];
        _minTokens = request.Sampling.MinTokens;
    }

    /// <summary>
    /// Adds a token and gives what has become certain, possibly nothing. If a stop string is complete, the chunk's reason is
    /// <see cref="FinishReason.Stop"/>, even where the token is the last one for another reason. After the end tokens are ignored.
    /// </summary>
    /// <param name="token">The next token.</param>
    /// <param name="finish">Why it is the last one, if it is.</param>
    public CompletionChunk Push(GeneratedToken token, FinishReason finish = FinishReason.None)
    {
        if (_ended)
            return Release(0, FinishReason.None);
        _count++;
        bool stopped = Append(_decoder.Push(token.Id));
        _tokens.Enqueue((token, _released + _held.Length));
        return stopped ? Finish(FinishReason.Stop)
            : finish != FinishReason.None ? End(finish)
            : Release(_held.Length - _stops.Select(stop => stop.Matched).DefaultIfEmpty().Max(), FinishReason.None);
    }

    /// <summary>
    /// Ends the completion after its last token and gives all that was held back; a character that is incomplete then is dropped, since
    /// what follows a cut is not known.
    /// </summary>
    /// <param name="finish">Why it ended; a stop string that the held text completes overrides it.</param>
    public CompletionChunk End(FinishReason finish)
    {
        if (_ended)
            return Release(0, FinishReason.None);
        return Finish(Append(_decoder.Flush(dropIncomplete: true)) ? FinishReason.Stop : finish);
    }

    /// <summary>Adds text up to the first stop string, which is cut off, and says whether there is one.</summary>
    private bool Append(string text)
    {
        foreach (char next in text)
        {
            _held.Append(next);
            int found = 0;
            foreach (StopStringMatcher stop in _stops)
            {
                if (!stop.Advance(next))
                    continue;
                if (_count >= _minTokens)
                    found = Math.Max(found, stop.Length);
                else
                    stop.Ignore();
            }

            if (found > 0)
            {
                _held.Length -= found;
                return true;
            }
        }

        return false;
    }

    private CompletionChunk Finish(FinishReason finish)
    {
        _ended = true;
        return Release(_held.Length, finish);
    }

    private CompletionChunk Release(int length, FinishReason finish)
    {
        string text = _held.ToString(0, length);
        _held.Remove(0, length);
        _released += length;
        var tokens = new List<GeneratedToken>();
        while (_tokens.TryPeek(out (GeneratedToken Token, long End) next) && (_ended || next.End <= _released))
            tokens.Add(_tokens.Dequeue().Token);
        return new CompletionChunk(_completion, text, tokens, finish);
    }
}
