namespace DistributedGpt.Models;

/// <summary>
/// Weights of one attention head. Key and value belong to a key/value head, which with grouped-query attention serves several query
/// heads.
/// </summary>
/// <param name="Query">Of the query projection, <c>[head_size, hidden]</c>.</param>
/// <param name="Key">Of the key projection.</param>
/// <param name="Value">Of the value projection (value-down).</param>
/// <param name="Output">Of the output projection, <c>[hidden, head_size]</c> (value-up).</param>
public sealed record HeadParameterCounts(long Query, long Key, long Value, long Output)
{
    /// <summary>All of them.</summary>
    public long Total => Query + Key + Value + Output;
}
