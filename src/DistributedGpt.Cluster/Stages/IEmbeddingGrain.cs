namespace DistributedGpt.Cluster;

/// <summary>Owns the embedding of a replica. It runs inside the first stage.</summary>
internal interface IEmbeddingGrain : IPartGrain;
