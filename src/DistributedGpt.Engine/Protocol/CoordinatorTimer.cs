namespace DistributedGpt.Engine;

/// <summary>Names a timer of a coordinator. Timers are never stopped: one that is no longer wanted changes nothing when it elapses.</summary>
/// <param name="Kind">What it is for.</param>
/// <param name="Epoch">The epoch for which it was started.</param>
/// <param name="Number">For a step: its number.</param>
/// <param name="Subject">The id of a subscription, or of the migration of a copy.</param>
public readonly record struct CoordinatorTimer(CoordinatorTimerKind Kind, long Epoch = 0, int Number = 0, Guid Subject = default);
