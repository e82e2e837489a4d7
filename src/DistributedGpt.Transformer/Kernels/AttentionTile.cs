namespace DistributedGpt.Transformer;

/// <summary>Consecutive rows of one sequence whose queries share the reading of keys and values.</summary>
/// <param name="firstRow">The first row.</param>
/// <param name="rows">Number of rows.</param>
internal readonly struct AttentionTile(int firstRow, int rows)
{
    /// <summary>The first row.</summary>
    public readonly int FirstRow = firstRow;

    /// <summary>Number of rows.</summary>
    public readonly int Rows = rows;
}
