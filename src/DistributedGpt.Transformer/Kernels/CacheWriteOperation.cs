namespace DistributedGpt.Transformer;

/// <summary>Norms (where the model has them) and rotates queries and keys in place, and writes keys and values to the cache.</summary>
internal unsafe struct CacheWriteOperation
{
    /// <summary><c>[rows, (heads + 2 * kv_heads) * head_size]</c>: queries, keys, values.</summary>
    public float* QueryKeyValue;

    /// <summary>Number of rows.</summary>
    public int RowCount;

    /// <summary>Positions and blocks of the rows.</summary>
    public StepRow* Rows;

    /// <summary>Query heads.</summary>
    public int Heads;

    /// <summary>Weight <c>[head_size]</c> of the queries' norm, or null.</summary>
    public float* QueryNorm;

    /// <summary>Weight <c>[head_size]</c> of the keys' norm, or null.</summary>
    public float* KeyNorm;

    /// <summary>The norms' epsilon.</summary>
    public float NormEpsilon;

    /// <summary>Cosines <c>[positions, head_size / 2]</c> of the rotary angles; null where positions are learned.</summary>
    public float* Cosines;

    /// <summary>Sines <c>[positions, head_size / 2]</c>.</summary>
    public float* Sines;

    /// <summary>The cache.</summary>
    public KvCacheLayout Cache;
}
