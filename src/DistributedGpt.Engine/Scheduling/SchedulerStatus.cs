using Orleans;

namespace DistributedGpt.Engine;

/// <summary>What a scheduler holds now, and what it has done since it was made.</summary>
[GenerateSerializer, Immutable]
public readonly record struct SchedulerStatus
{
    /// <summary>Sequences that wait for blocks or for a place among the running.</summary>
    [Id(0)] public required int Waiting { get; init; }

    /// <summary>Sequences that hold blocks and take part in steps.</summary>
    [Id(1)] public required int Running { get; init; }

    /// <summary>Steps in flight.</summary>
    [Id(2)] public required int StepsInFlight { get; init; }

    /// <summary>Blocks of the pool.</summary>
    [Id(3)] public required int Blocks { get; init; }

    /// <summary>Blocks in use.</summary>
    [Id(4)] public required int BlocksInUse { get; init; }

    /// <summary>Blocks kept for the prefix cache alone.</summary>
    [Id(5)] public required int BlocksCached { get; init; }

    /// <summary>Steps scheduled.</summary>
    [Id(6)] public required long Steps { get; init; }

    /// <summary>Rows scheduled, recomputed ones included.</summary>
    [Id(7)] public required long Rows { get; init; }

    /// <summary>Rows that the prefix cache saved.</summary>
    [Id(8)] public required long RowsSaved { get; init; }

    /// <summary>Tokens generated.</summary>
    [Id(9)] public required long TokensGenerated { get; init; }

    /// <summary>How often a sequence gave its blocks back to an older one.</summary>
    [Id(10)] public required long Preemptions { get; init; }
}
