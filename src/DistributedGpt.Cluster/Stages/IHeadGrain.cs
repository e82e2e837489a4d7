namespace DistributedGpt.Cluster;

/// <summary>Owns final norm, unembedding and sampling of a replica. They run inside the last stage.</summary>
internal interface IHeadGrain : IPartGrain;
