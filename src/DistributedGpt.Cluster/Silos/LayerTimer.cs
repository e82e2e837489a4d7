using System.Diagnostics;
using DistributedGpt.Engine;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster;

/// <summary>Measures how long a device takes for a <see cref="SampleLayer"/>, which takes it a fraction of a second.</summary>
internal static class LayerTimer
{
    private const int LeastRuns = 3;
    private static readonly TimeSpan Effort = TimeSpan.FromMilliseconds(30);
    private static readonly int[] Tokens = [1, 8, 64];

    /// <summary>Milliseconds by the tokens in a step. To be called in the device's lane.</summary>
    public static StepTimes Measure(IComputeBackend backend)
    {
        var weights = new SampleLayer();
        using ILayerRuntime layer = backend.LoadLayer(weights, 0, new KvCacheOptions(Tokens.Max()));
        float[] result = new float[Tokens.Max() * weights.Config.HiddenSize];
        return new StepTimes(Tokens.Select(tokens => KeyValuePair.Create(tokens, Measure(tokens))));

        double Measure(int tokens)
        {
            StepBatch step = Decode(tokens);
            using IHiddenStates x = backend.RentHiddenStates(tokens, weights.Config.HiddenSize);    // [tokens, hidden]
            double best = double.MaxValue;
            long begin = Stopwatch.GetTimestamp();
            for (int run = 0; run <= LeastRuns || Stopwatch.GetElapsedTime(begin) < Effort; run++)
            {
                x.CopyFrom(new float[tokens * weights.Config.HiddenSize]);
                long started = Stopwatch.GetTimestamp();
                layer.Forward(step, x);

                // Reading the result waits for a device that computes in the background.
                x.CopyTo(result);
                if (run > 0) best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            }

            return best;
        }
    }

    private static StepBatch Decode(int tokens) => new()
    {
        Epoch = 0,
        Number = 0,
        Sequences = [.. Enumerable.Range(0, tokens).Select(i => new StepSequence { Id = new SequenceId(Guid.Empty, i), TokenIds = [0], FirstPosition = 0, BlockTable = [i] })],
    };
}
