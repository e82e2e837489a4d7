namespace DistributedGpt.Transformer;

/// <summary>
/// How rows are cut into the tiles that <see cref="TileKernel{TSimd, V, TElement}"/> takes. The last tile may have more columns than
/// there are rows left; these are zero and their results are dropped.
/// </summary>
internal static class TokenTiles
{
    /// <summary>Rows that share one pass over a panel; no tile crosses from one block to the next.</summary>
    public const int Block = 96;

    /// <summary>Tokens of the tile that begins at row <paramref name="first"/> of <paramref name="rows"/>.</summary>
    public static int At(int first, int rows) => Math.Min(rows - first, Block - first % Block) switch
    {
        > 8 => 6,
        > 6 => 4,
        > 4 => 6,
        > 2 => 4,
        int left => left,
    };

    /// <summary>Columns of all tiles of <paramref name="rows"/> rows.</summary>
    public static int Padded(int rows)
    {
        int padded = 0;
        while (padded < rows) padded += At(padded, rows);
        return padded;
    }

    /// <summary>The number of tiles of <paramref name="rows"/> rows.</summary>
    public static int Count(int rows)
    {
        int tiles = 0;
        for (int first = 0; first < rows; first += At(first, rows)) tiles++;
        return tiles;
    }
}
