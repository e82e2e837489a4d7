namespace DistributedGpt.Simulation.Tests;

/// <summary>A rule of the protocol that the simulated drivers break, to show that the simulator sees it.</summary>
public enum Mutation
{
    None,

    /// <summary>A stage runs steps that it should refuse because of their epoch.</summary>
    NoEpochCheck,

    /// <summary>Results of an older epoch are handed to the coordinator as if they were of the current one.</summary>
    LateCompleted,

    /// <summary>A block that is written keeps its hash.</summary>
    KeepHash,

    /// <summary>A stage runs steps as they come.</summary>
    NoOrder,

    /// <summary>Attach is answered at once instead of by the lane; the stage follows with the first step of the new epoch.</summary>
    NoBarrier,

    /// <summary>The head does not rebuild a sampler's state after an Attach.</summary>
    NoHistoryRebuild,

    /// <summary>The client takes tokens of older submissions.</summary>
    OldSubmissions,

    /// <summary>The client takes a token although one before it is missing.</summary>
    Gaps,

    /// <summary>A layer that was loaded anew passes for the one before.</summary>
    SameIncarnation,

    /// <summary>A step that threw half-way counts as finished in its stage.</summary>
    IgnoreFailure,

    /// <summary>The coordinator takes a batch for received as soon as it has answered it.</summary>
    NoAcknowledgement,

    /// <summary>The client does not look which session answers.</summary>
    SameSession,

    /// <summary>A coordinator made anew takes what one stage holds for what all hold.</summary>
    AdoptFromOneStage,

    /// <summary>A step whose call was lost counts as one that threw.</summary>
    BlameLostCalls,

    /// <summary>The last part of a copy is only what is partial, not what was reused since it was copied.</summary>
    TailOnly,

    /// <summary>A copy becomes the layer, and passes for it, although it may be unfinished and the record does not name its migration.</summary>
    EarlyCopy,

    /// <summary>A copy counts as finished although something of it could not be taken.</summary>
    UnfinishedCopy,

    /// <summary>A damaged piece of a cache is taken.</summary>
    NoChecksum,

    /// <summary>A copy is finished while steps are in flight.</summary>
    NoDrain,

    /// <summary>The incarnation of a layer that was loaded anew counts as known with its first Attach, although its cache is not rebuilt.</summary>
    KnownEarly,

    /// <summary>What a cancelled request had computed is not rebuilt.</summary>
    RowsLate,

    /// <summary>A stage that rebuilds its cache does not log what it sent.</summary>
    NoLogRefill,

    /// <summary>A border log passes for one that has every block.</summary>
    WholeLog,

    /// <summary>The blocks that nobody runs are kept where a stage has lost its cache.</summary>
    KeepUnused,

    /// <summary>Steps go on before the caches are rebuilt.</summary>
    NoRebuildWait,
}
