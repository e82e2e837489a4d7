using System.Runtime.CompilerServices;

namespace DistributedGpt.Transformer;

/// <summary>
/// Transposes rows <c>[rows, columns]</c> into token tiles <c>[tile][column, token in tile]</c>, one after the other, so that a kernel
/// finds the activations of a column side by side. An item is a tile.
/// </summary>
internal unsafe struct PackWork : IWork
{
    /// <summary><c>[rows, columns]</c>.</summary>
    public float* Source;

    /// <summary>The tiles.</summary>
    public float* Destination;

    /// <summary>Number of rows.</summary>
    public int Rows;

    /// <summary>Number of columns.</summary>
    public int Columns;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run(int item, int worker)
    {
        int first = 0;
        for (int i = 0; i < item; i++) first += TokenTiles.At(first, Rows);
        int tokens = TokenTiles.At(first, Rows);
        float* to = Destination + (long)first * Columns;
        for (int token = 0; token < tokens; token++)
        {
            float* from = Source + (long)(first + token) * Columns;
            if (first + token < Rows)
            {
                for (int column = 0; column < Columns; column++) to[(long)column * tokens + token] = from[column];
            }
            else
            {
                for (int column = 0; column < Columns; column++) to[(long)column * tokens + token] = 0;
            }
        }
    }
}
