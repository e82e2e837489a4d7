using DistributedGpt.Client;
using DistributedGpt.Engine;
using Orleans.Concurrency;

namespace DistributedGpt.Cluster;

/// <summary>The coordinator as the cluster's own parts see it.</summary>
internal interface ICoordinatorControl : ICoordinatorGrain
{
    /// <summary>Loads the replica as it was planned; returns when it is ready to serve.</summary>
    /// <returns>Null, or why it cannot be loaded, fit for the user.</returns>
    [ResponseTimeout("01:00:00")]
    Task<string?> Load(ReplicaRecord plan);

    /// <summary>Drops the replica, once its requests have ended or at once; nothing happens where there is none.</summary>
    [ResponseTimeout("01:00:00")]
    Task Unload(bool now);

    /// <summary>Moves the replica's layers off a silo: they are loaded elsewhere while it still serves.</summary>
    /// <returns>Null, or why they stay, fit for the user.</returns>
    [ResponseTimeout("01:00:00")]
    Task<string?> Drain(SiloAddress silo);

    /// <summary>Plans the replica anew over the silos that live and moves its layers, while it serves, if that gains enough.</summary>
    /// <param name="others">The names of silos that are left to others.</param>
    /// <param name="weigh">Whether nothing is to move, only to be told what would.</param>
    [ResponseTimeout("01:00:00")]
    Task<RebalanceReport> Rebalance(string[] others, bool weigh);

    /// <summary>The replica at this moment; null where it is not loaded.</summary>
    [AlwaysInterleave]
    [ResponseTimeout("00:00:05")]
    Task<ReplicaReport?> GetReport();

    /// <summary>The tokens of a step, from the last stage.</summary>
    [AlwaysInterleave]
    [ResponseTimeout("00:00:10")]
    Task Completed(long epoch, int number, SampledToken[] tokens);
}
