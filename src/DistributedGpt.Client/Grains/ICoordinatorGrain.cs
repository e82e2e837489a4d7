using DistributedGpt.Engine;
using Orleans.Concurrency;

namespace DistributedGpt.Client;

/// <summary>
/// The coordinator of a replica, keyed <c>model/replica</c>, as its clients see it. The time-outs are short: a client that is
/// connected to a silo that dies must not wait for the default.
/// </summary>
public interface ICoordinatorGrain : IGrainWithStringKey
{
    /// <summary>Submits a request, or submits it again with the ids delivered so far; idempotent.</summary>
    /// <returns>The session that will deliver its tokens; null where this activation serves no more: submit again.</returns>
    /// <exception cref="RequestRefusedException">The request meets a limit.</exception>
    [AlwaysInterleave]
    [ResponseTimeout("00:00:02")]
    Task<DeliverySession?> Submit(GenerateRequest request, Guid subscription);

    /// <summary>Ends a request here, unless a later submission of it has come than this one.</summary>
    [AlwaysInterleave]
    [ResponseTimeout("00:00:02")]
    Task Cancel(Guid request, int submission);

    /// <summary>
    /// The next tokens of a subscription's requests, as soon as there are some; after 100 ms an empty batch, which is the heartbeat.
    /// </summary>
    [AlwaysInterleave]
    [ResponseTimeout("00:00:01")]
    Task<TokenBatch> Next(Guid subscription, DeliveryAck ack);
}
