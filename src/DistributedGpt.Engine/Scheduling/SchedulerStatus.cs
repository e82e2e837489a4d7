namespace DistributedGpt.Engine;

/// <summary>What a scheduler holds now, and what it has done since it was made.</summary>
public readonly record struct SchedulerStatus
{
    /// <summary>Sequences that wait for blocks or for a place among the running.</summary>
    public required int Waiting { get; init; }

    /// <summary>Sequences that hold blocks and take part in steps.</summary>
    public required int Running { get; init; }

    /// <summary>Steps in flight.</summary>
    public required int StepsInFlight { get; init; }

    /// <summary>Blocks of the pool.</summary>
    public required int Blocks { get; init; }

    /// <summary>Blocks in use.</summary>
    public required int BlocksInUse { get; init; }

    /// <summary>Blocks kept for the prefix cache alone.</summary>
    public required int BlocksCached { get; init; }

    /// <summary>Steps scheduled.</summary>
    public required long Steps { get; init; }

    /// <summary>Rows scheduled, recomputed ones included.</summary>
    public required long Rows { get; init; }

    /// <summary>Rows that the prefix cache saved.</summary>
    public required long RowsSaved { get; init; }

    /// <summary>Tokens generated.</summary>
    public required long TokensGenerated { get; init; }

    /// <summary>How often a sequence gave its blocks back to an older one.</summary>
    public required long Preemptions { get; init; }
}
