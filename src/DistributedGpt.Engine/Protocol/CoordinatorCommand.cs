namespace DistributedGpt.Engine;

/// <summary>Something that a <see cref="CoordinatorProtocol"/> wants done. Its driver takes the commands after each input and carries them out in order.</summary>
public abstract record CoordinatorCommand
{
    private CoordinatorCommand()
    {
    }

    /// <summary>
    /// Refresh the membership, raise the epoch in the replica's record by compare-and-swap under this coordinator's id, see that
    /// the plan's layers are loaded. Answer: <see cref="CoordinatorProtocol.EpochRaised"/>, <see cref="CoordinatorProtocol.EpochLost"/>
    /// or <see cref="CoordinatorProtocol.EpochFailed"/>. Never two at a time.
    /// </summary>
    /// <param name="Migration">
    /// The migration whose plan the record is to have under the new epoch, and whose copies become the layers: this write is its only
    /// commit point. It is left out where a silo of that plan is gone. Null: the plan stays, but for stages whose silos are gone.
    /// </param>
    public sealed record RaiseEpoch(Guid? Migration) : CoordinatorCommand;

    /// <summary>
    /// Every step in flight has ended: take the last part of a migration's copies. Answer: <see cref="CoordinatorProtocol.Copied"/> or
    /// <see cref="CoordinatorProtocol.CopyFailed"/>.
    /// </summary>
    /// <param name="Migration">The migration.</param>
    /// <param name="Epoch">The epoch under which the source must still stand.</param>
    /// <param name="LiveBlocks">The blocks that sequences use, full and partial.</param>
    public sealed record FinishCopies(Guid Migration, long Epoch, int[] LiveBlocks) : CoordinatorCommand;

    /// <summary>A migration has ended without having been committed: its copies are to be discarded.</summary>
    /// <param name="Migration">The migration.</param>
    public sealed record GiveUpMigration(Guid Migration) : CoordinatorCommand;

    /// <summary>
    /// Attach a stage. Answer: <see cref="CoordinatorProtocol.Attached"/> or <see cref="CoordinatorProtocol.AttachFailed"/>.
    /// </summary>
    /// <param name="Epoch">Under this epoch.</param>
    /// <param name="Stage">The stage's index in the plan.</param>
    public sealed record AttachStage(long Epoch, int Stage) : CoordinatorCommand;

    /// <summary>
    /// Send a step into the first stage, or one that rebuilds caches into its <see cref="StageRange.Entry"/>. Its tokens, if any, come by
    /// <see cref="CoordinatorProtocol.Completed"/>; when the call returns, <see cref="CoordinatorProtocol.StepReturned"/>; when it throws,
    /// <see cref="CoordinatorProtocol.StepFailed"/>.
    /// </summary>
    /// <param name="Batch">The step.</param>
    public sealed record ExecuteStep(StepBatch Batch) : CoordinatorCommand;

    /// <summary>There are tokens for a subscription: answer its waiting call of <see cref="CoordinatorProtocol.Next"/>, if there is one.</summary>
    /// <param name="Subscription">The subscription.</param>
    public sealed record Deliver(Guid Subscription) : CoordinatorCommand;

    /// <summary>Call <see cref="CoordinatorProtocol.TimerElapsed"/> after a while.</summary>
    /// <param name="Timer">The timer.</param>
    /// <param name="Due">When, from now.</param>
    public sealed record StartTimer(CoordinatorTimer Timer, TimeSpan Due) : CoordinatorCommand;

    /// <summary>Another coordinator has taken over: deactivate, and let no successor start here before the pause is over.</summary>
    /// <param name="Pause">The pause.</param>
    public sealed record StandDown(TimeSpan Pause) : CoordinatorCommand;
}
