using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>
/// The order in which a training sees its text: each epoch cuts it into tokens (anew, where merges are left out at random), cuts
/// these into sequences from a random offset on, and shuffles them. Where it stands is <see cref="Position"/> alone.
/// </summary>
internal sealed class TokenBatches
{
    private readonly BpeSegmenter _segmenter;
    private readonly string _text;
    private readonly TrainingOptions _options;
    private int[] _tokens = [];
    private int[] _starts = [];

    /// <summary>Goes on from <paramref name="position"/>.</summary>
    public TokenBatches(BpeSegmenter segmenter, string text, TrainingOptions options, DataPosition position)
    {
        _segmenter = segmenter;
        _text = text;
        _options = options;
        Position = position;
        PrepareEpoch();
    }

    /// <summary>Where the next batch begins.</summary>
    public DataPosition Position { get; private set; }

    /// <summary>
    /// The sequences <c>[batch, context + 1]</c> of step <paramref name="step"/>: every token but the last is an input, every one
    /// but the first a target.
    /// </summary>
    public int[][] Next(int step)
    {
        int[][] batch = new int[_options.Batch][];
        for (int i = 0; i < batch.Length; i++)
        {
            if (Position.Sequence == _starts.Length)
            {
                Position = new(Position.Epoch + 1, step, 0);
                PrepareEpoch();
            }
            batch[i] = _tokens.AsSpan(_starts[Position.Sequence], _options.Context + 1).ToArray();
            Position = Position with { Sequence = Position.Sequence + 1 };
        }
        return batch;
    }

    private void PrepareEpoch()
    {
        Random random = new(unchecked(_options.Seed * 1_000_003 + Position.Epoch * 7919));
        double left = 1 - Position.FirstStep / (double)_options.Steps;
        double dropout = _options.MergeDropout * Math.Clamp(left / 0.25, 0, 1);
        _tokens = _segmenter.Encode(_text, dropout, random);
        int spare = _tokens.Length - _options.Context - 1;
        if (spare < 0) throw new ArgumentException($"the text for training has {_tokens.Length} tokens, fewer than one sequence of {_options.Context + 1}");
        int offset = random.Next(Math.Min(spare, _options.Context) + 1);
        _starts = [.. Enumerable.Range(0, (spare - offset) / _options.Context + 1).Select(i => offset + i * _options.Context)];
        random.Shuffle(_starts);
    }
}
