using DistributedGpt.Engine;

namespace DistributedGpt.Transformer.Tests;

/// <summary>Rows of a sequence for a step, with blocks in an order that is not that of the positions.</summary>
internal static class Rows
{
    /// <summary>Positions <paramref name="from"/> to <paramref name="to"/> - 1 of <paramref name="ids"/>, with every 3rd block from <paramref name="lane"/> on, backwards.</summary>
    public static StepSequence Of(int[] ids, int from, int to, int lane = 0, SamplingOptions? sampling = null) => new()
    {
        Id = new SequenceId(new Guid(lane, 0, 0, new byte[8]), 0),
        TokenIds = ids[from..to],
        FirstPosition = from,
        BlockTable = [.. Enumerable.Range(0, (to + StepBatch.BlockSize - 1) / StepBatch.BlockSize).Select(block => 60 + lane - 3 * block)],
        Sampling = sampling,
        PromptLength = ids.Length,
    };
}
