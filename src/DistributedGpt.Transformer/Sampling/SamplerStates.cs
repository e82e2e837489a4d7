using DistributedGpt.Engine;

namespace DistributedGpt.Transformer;

/// <summary>
/// What the head remembers of sequences whose next token depends on their earlier ones. Each entry is a fold over the ids of a
/// sequence and knows how many it has taken in; a step that carries <see cref="StepSequence.History"/> makes it anew, any other
/// advances it by the step's tokens. Nothing here needs to survive: an Attach empties it, and the coordinator then sends histories.
/// Steps name the sequences that can be forgotten; beyond its capacity those used least recently are forgotten as well, which bounds
/// the memory whatever happens, as long as the capacity is above the number of sequences that run at once. Used by one thread at a time.
/// </summary>
/// <param name="capacity">The most sequences that are remembered.</param>
public sealed class SamplerStates(int capacity = SamplerStates.DefaultCapacity)
{
    /// <summary>Far more than the sequences of any batch.</summary>
    public const int DefaultCapacity = 4096;

    private readonly Dictionary<SequenceId, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byLastUse = [];

    /// <summary>Sequences remembered now.</summary>
    public int Count => _entries.Count;

    /// <summary>
    /// Takes in the tokens of a step that wants a sample, and returns the processor of the sequence's logits, or null if its
    /// options need none.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// The sequence needs its history, is not remembered up to this step, and the step does not carry it.
    /// </exception>
    public ILogitsProcessor? Advance(StepSequence sequence)
    {
        if (sequence.Sampling is not { NeedsHistory: true } sampling) return null;
        if (sequence.History is { } history)
        {
            PenaltyProcessor processor = new(sampling);
            processor.Start(history, sequence.PromptLength);
            Remember(new Entry(sequence.Id, processor) { Length = history.Length });
            return processor;
        }

        if (!_entries.TryGetValue(sequence.Id, out LinkedListNode<Entry>? node)
            || node.Value.Length < sequence.FirstPosition || node.Value.Length > sequence.Length)
        {
            throw new InvalidOperationException(
                $"Completion {sequence.Id.Completion} of request {sequence.Id.Request} is sampled at position {sequence.Length} with "
                + $"penalties, but the step carries no history and the head knows {node?.Value.Length ?? 0} of its ids.");
        }

        Entry entry = node.Value;
        foreach (int id in sequence.TokenIds.AsSpan(entry.Length - sequence.FirstPosition)) entry.Processor.Advance(id);
        entry.Length = sequence.Length;
        _byLastUse.Remove(node);
        _byLastUse.AddLast(node);
        return entry.Processor;
    }

    /// <summary>Forgets sequences that have ended or were preempted; unknown ones are passed over.</summary>
    public void Forget(ReadOnlySpan<SequenceId> sequences)
    {
        foreach (SequenceId sequence in sequences) Forget(sequence);
    }

    /// <summary>Forgets every sequence: a new epoch begins.</summary>
    public void Clear()
    {
        _entries.Clear();
        _byLastUse.Clear();
    }

    private void Remember(Entry entry)
    {
        Forget(entry.Sequence);
        if (_entries.Count == capacity) Forget(_byLastUse.First!.Value.Sequence);
        _entries.Add(entry.Sequence, _byLastUse.AddLast(entry));
    }

    private void Forget(SequenceId sequence)
    {
        if (_entries.Remove(sequence, out LinkedListNode<Entry>? node)) _byLastUse.Remove(node);
    }

    private sealed class Entry(SequenceId sequence, ILogitsProcessor processor)
    {
        public SequenceId Sequence => sequence;

        public ILogitsProcessor Processor => processor;

        /// <summary>How many of the sequence's ids the processor has taken in.</summary>
        public int Length { get; set; }
    }
}
