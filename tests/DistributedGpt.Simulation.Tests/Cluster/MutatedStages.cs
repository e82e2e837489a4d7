namespace DistributedGpt.Simulation.Tests;

/// <summary>What a silo's faulty driver knows instead of, or beside, the stage protocol.</summary>
internal sealed class MutatedStages
{
    private readonly Dictionary<int, long[]> _incarnations = [];
    private readonly Dictionary<(int Stage, int Block), BlockHash> _hashes = [];

    /// <summary>The incarnations that the stage's layers had when it was first asked.</summary>
    public long[] FirstIncarnations(int stage, long[] now)
    {
        if (!_incarnations.TryGetValue(stage, out long[]? first)) _incarnations.Add(stage, first = [.. now]);
        return first;
    }

    /// <summary>A step begins: the hashes of the blocks that it writes go, unless that is the rule to break.</summary>
    public void Began(int stage, StepBatch batch)
    {
        foreach (StepSequence sequence in batch.Sequences)
        {
            foreach (int block in sequence.BlockTable.AsSpan(sequence.FirstPosition / StepBatch.BlockSize)) _hashes.Remove((stage, block));
        }
    }

    /// <summary>A step ran: its full blocks have hashes.</summary>
    public void Wrote(int stage, StepBatch batch)
    {
        foreach (BlockFill fill in batch.Fills) _hashes[(stage, fill.Block)] = fill.Hash;
    }

    /// <summary>An answer to Attach that no barrier stands behind.</summary>
    public AttachReply Peek(int stage, long[] incarnations) => new() { Incarnations = [.. incarnations], Blocks = Blocks(stage) };

    /// <summary>A layer was loaded anew.</summary>
    public void Forget() => _hashes.Clear();

    /// <summary>An answer in which no hash was cleared.</summary>
    public AttachReply WithKeptHashes(int stage, AttachReply reply) => reply.Refusal is null ? reply with { Blocks = Blocks(stage) } : reply;

    private BlockFill[] Blocks(int stage) =>
        [.. _hashes.Where(each => each.Key.Stage == stage).Select(each => new BlockFill(each.Key.Block, each.Value))];
}
