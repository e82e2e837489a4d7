using System.Runtime.InteropServices;

namespace DistributedGpt.Engine;

/// <summary>One completion of a request: its tokens, its blocks, and how far steps have come with it.</summary>
public sealed class Sequence
{
    private readonly List<int> _ids;
    private readonly BlockHash _root;
    private readonly List<BlockHash> _hashes = [];

    internal Sequence(SequenceGroup group, int completion, long order, BlockHash root, ReadOnlySpan<int> delivered)
    {
        Group = group;
        Id = new SequenceId(group.Request.Id, completion);
        Order = order;
        _root = root;
        _ids = new List<int>(PromptLength + delivered.Length);
        _ids.AddRange(group.Request.PromptIds);
        _ids.AddRange(delivered);
    }

    /// <summary>The sequence's name.</summary>
    public SequenceId Id { get; }

    /// <summary>The request that it completes.</summary>
    public GenerateRequest Request => Group.Request;

    /// <summary>Tokens of the prompt proper; later ones were generated.</summary>
    public int PromptLength => Request.PromptIds.Length;

    /// <summary>All ids known, the prompt's and generated ones.</summary>
    public ReadOnlySpan<int> Ids => CollectionsMarshal.AsSpan(_ids);

    /// <summary>Number of known ids.</summary>
    public int Length => _ids.Count;

    /// <summary>Ids generated so far, those of earlier submissions included.</summary>
    public int GeneratedLength => Length - PromptLength;

    /// <summary>The blocks of positions 0 on, in order. The array is replaced and never changed, so that a step may keep it.</summary>
    public int[] BlockTable { get; internal set; } = [];

    /// <summary>Positions whose keys and values are certain: their steps have completed.</summary>
    public int Computed { get; internal set; }

    /// <summary>Positions handed to steps.</summary>
    public int Scheduled { get; internal set; }

    /// <summary>Steps in flight that name this sequence.</summary>
    public int StepsInFlight { get; internal set; }

    /// <summary>Steps that named this sequence and threw since the last one that completed. While it is not 0, the sequence runs alone.</summary>
    public int FailedAttempts { get; internal set; }

    /// <summary>Where it is in its life.</summary>
    public SequenceState State { get; internal set; }

    /// <summary>Why it ended; <see cref="FinishReason.None"/> while it has not, and where it was cancelled.</summary>
    public FinishReason FinishReason { get; internal set; }

    internal SequenceGroup Group { get; }

    /// <summary>The order of arrival: the highest is the youngest.</summary>
    public long Order { get; }

    /// <summary>Known tokens that no step has taken.</summary>
    internal int Remaining => Length - Scheduled;

    /// <summary>All but the last known token are certain: from here on each step is one row and yields one token.</summary>
    internal bool IsDecoding => Computed >= Length - 1;

    /// <summary>A step that named it threw, and none has completed since.</summary>
    internal bool IsSuspect => FailedAttempts > 0;

    /// <summary>The head keeps this sequence's sampler state up to the rows scheduled.</summary>
    internal bool HeadHasState { get; set; }

    internal void Append(int id) => _ids.Add(id);

    /// <summary>The hash of block <paramref name="index"/>, all of whose tokens are known.</summary>
    internal BlockHash HashOfBlock(int index)
    {
        while (_hashes.Count <= index)
        {
            BlockHash parent = _hashes.Count == 0 ? _root : _hashes[^1];
            _hashes.Add(BlockHasher.Hash(parent, Ids.Slice(_hashes.Count * StepBatch.BlockSize, StepBatch.BlockSize)));
        }
        return _hashes[index];
    }

    /// <summary>Blocks that <paramref name="positions"/> positions take.</summary>
    internal static int BlocksFor(int positions) => (positions + StepBatch.BlockSize - 1) / StepBatch.BlockSize;
}
