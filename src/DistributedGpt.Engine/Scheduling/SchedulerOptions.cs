namespace DistributedGpt.Engine;

/// <summary>Limits of a replica's scheduler.</summary>
public sealed record SchedulerOptions
{
    /// <summary>At most so many rows (tokens) in a step.</summary>
    public int TokenBudget { get; init; } = 512;

    /// <summary>At most so many sequences in a step. Decodes go first: where they fill all steps in flight, new prompts wait.</summary>
    public int MaxSequencesPerStep { get; init; } = 64;

    /// <summary>At most so many sequences hold blocks at a time.</summary>
    public int MaxRunning { get; init; } = 256;

    /// <summary>At most so many sequences wait; a request beyond that is refused. Submissions after the first are not counted against it.</summary>
    public int QueueLimit { get; init; } = 1024;

    /// <summary>The longest sequence, prompt and generated tokens together.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Token ids are below this.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>A request is given up when so many steps in a row that named one of its sequences threw.</summary>
    public int MaxAttempts { get; init; } = 3;

    /// <summary>Steps in flight at a time: the number of pipeline stages.</summary>
    public int MaxInFlight { get; init; } = 1;
}
