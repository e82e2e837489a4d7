using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>Owns a decoder layer of a replica. The grain of a stage's first layer runs the steps of the whole stage.</summary>
internal interface ILayerGrain : IPartGrain
{
    /// <summary>Attaches the stage that begins with this layer under an epoch: a barrier in the compute lane.</summary>
    [ResponseTimeout("00:01:00")]
    Task<AttachReply> Attach(StageSpec stage, long epoch);

    /// <summary>
    /// Takes a step through the stage that begins with this layer, and all that follow. Returns when every stage has run it and
    /// the coordinator has the tokens.
    /// </summary>
    /// <returns>Null, or the refusal of a stage, behind which nothing ran.</returns>
    [ResponseTimeout("01:00:00")]
    Task<StageRefusal?> Execute(StepMessage step);
}
