using DistributedGpt.Engine;

namespace DistributedGpt.Transformer;

/// <summary>A step's ragged rows laid out for the kernels: position and blocks of each row, and the tiles of attention.</summary>
internal sealed unsafe class StepLayout : IDisposable
{
    private readonly ScratchBuffer _rows = new();
    private readonly ScratchBuffer _blocks = new();
    private readonly ScratchBuffer _tiles = new();

    /// <summary>Positions and blocks, <c>[rows]</c>.</summary>
    public StepRow* Rows { get; private set; }

    /// <summary>Tiles of consecutive rows of one sequence.</summary>
    public AttentionTile* Tiles { get; private set; }

    /// <summary>Number of tiles.</summary>
    public int TileCount { get; private set; }

    /// <summary>The longest sequence after the step, in positions.</summary>
    public int MaxLength { get; private set; }

    /// <summary>Lays out <paramref name="step"/>; every block of a table gets its memory.</summary>
    /// <exception cref="ArgumentException">A block table is too short or names a block that the cache does not have.</exception>
    public void Prepare(StepBatch step, PagedKvCache cache, int rowsPerTile)
    {
        int rows = 0;
        int blocks = 0;
        int tiles = 0;
        MaxLength = 0;
        foreach (StepSequence sequence in step.Sequences)
        {
            int needed = (sequence.Length + StepBatch.BlockSize - 1) / StepBatch.BlockSize;
            if (sequence.FirstPosition < 0 || sequence.TokenIds.Length == 0 || sequence.BlockTable.Length < needed)
            {
                throw new ArgumentException(
                    $"Sequence {sequence.Id} has {sequence.TokenIds.Length} rows from position {sequence.FirstPosition} on, but {sequence.BlockTable.Length} blocks.");
            }

            rows += sequence.TokenIds.Length;
            blocks += needed;
            tiles += (sequence.TokenIds.Length + rowsPerTile - 1) / rowsPerTile;
            MaxLength = Math.Max(MaxLength, sequence.Length);
        }

        Rows = _rows.Get<StepRow>(rows);
        Tiles = _tiles.Get<AttentionTile>(tiles);
        TileCount = tiles;
        int* table = _blocks.Get<int>(blocks);
        int row = 0;
        int tile = 0;
        foreach (StepSequence sequence in step.Sequences)
        {
            int needed = (sequence.Length + StepBatch.BlockSize - 1) / StepBatch.BlockSize;
            for (int i = 0; i < needed; i++)
            {
                cache.Touch(sequence.BlockTable[i]);
                table[i] = sequence.BlockTable[i];
            }

            int count = sequence.TokenIds.Length;
            for (int i = 0; i < count; i++) Rows[row + i] = new StepRow(sequence.FirstPosition + i, table);
            for (int i = 0; i < count; i += rowsPerTile) Tiles[tile++] = new AttentionTile(row + i, Math.Min(rowsPerTile, count - i));
            row += count;
            table += needed;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _rows.Dispose();
        _blocks.Dispose();
        _tiles.Dispose();
    }
}
