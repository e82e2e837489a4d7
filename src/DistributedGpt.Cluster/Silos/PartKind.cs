namespace DistributedGpt.Cluster;

/// <summary>The kinds of parts that a model consists of.</summary>
public enum PartKind
{
    /// <summary>Token and position embedding.</summary>
    Embedding,

    /// <summary>A decoder layer.</summary>
    Layer,

    /// <summary>Final norm, unembedding and sampling.</summary>
    Head,
}
