namespace DistributedGpt.Cluster;

/// <summary>Owns a decoder layer of a replica. It runs inside its stage.</summary>
internal interface ILayerGrain : IPartGrain;
