using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>
/// The order in which a training sees its text: each epoch gives some of its people other names, cuts it into tokens
/// (with merges left out at random), cuts these into sequences from a random offset on, and shuffles them. Where it stands is <see cref="Position"/> alone; the next epoch
/// is cut while this one is used.
/// </summary>
internal sealed class TokenBatches
{
    private readonly BpeSegmenter _segmenter;
    private readonly RenamedPeople _text;
    private readonly TrainingOptions _options;
    private Epoch _epoch;
    private Task<Epoch> _next;

    /// <summary>Goes on from <paramref name="position"/>.</summary>
    /// <exception cref="ArgumentException">The text is shorter than a sequence.</exception>
    public TokenBatches(BpeSegmenter segmenter, string text, TrainingOptions options, DataPosition position)
    {
        _segmenter = segmenter;
        _text = new(text);
        _options = options;
        Position = position;
        _epoch = Cut(position);
        _next = CutNext();
    }

    /// <summary>Where the next batch begins.</summary>
    public DataPosition Position { get; private set; }

    /// <summary>
    /// The sequences <c>[batch, context + 1]</c> of the next step: every token but the last is an input, every one but the first a
    /// target.
    /// </summary>
    public int[][] Next()
    {
        int[][] batch = new int[_options.Batch][];
        for (int i = 0; i < batch.Length; i++)
        {
            if (Position.Sequence == _epoch.Starts.Length)
            {
                Position = Following;
                _epoch = _next.GetAwaiter().GetResult();
                _next = CutNext();
            }
            batch[i] = _epoch.Tokens.AsSpan(_epoch.Starts[Position.Sequence], _options.Context + 1).ToArray();
            Position = Position with { Sequence = Position.Sequence + 1 };
        }
        return batch;
    }

    private DataPosition Following => new(Position.Epoch + 1, Position.FirstSequence + _epoch.Starts.Length, 0);

    private Task<Epoch> CutNext()
    {
        DataPosition following = Following;
        return Task.Run(() => Cut(following));
    }

    private Epoch Cut(DataPosition position)
    {
        Random random = new(unchecked(_options.Seed * 1_000_003 + position.Epoch * 7919));
        double left = 1 - position.FirstSequence / ((double)_options.Steps * _options.Batch);
        double dropout = _options.MergeDropout * Math.Clamp(left / 0.25, 0, 1);
        int[] tokens = _segmenter.Encode(_text.Read(_options.Renaming, random), dropout, random);
        int spare = tokens.Length - _options.Context - 1;
        if (spare < 0) throw new ArgumentException($"the text for training has {tokens.Length} tokens, fewer than one sequence of {_options.Context + 1}");
        int offset = random.Next(Math.Min(spare, _options.Context) + 1);
        int[] starts = [.. Enumerable.Range(0, (spare - offset) / _options.Context + 1).Select(i => offset + i * _options.Context)];
        random.Shuffle(starts);
        return new(tokens, starts);
    }

    /// <summary>The text once.</summary>
    /// <param name="Tokens">Its tokens.</param>
    /// <param name="Starts">Where the sequences start, in the order in which they are used.</param>
    private sealed record Epoch(int[] Tokens, int[] Starts);
}
