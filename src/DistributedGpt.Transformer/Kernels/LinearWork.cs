using System.Runtime.CompilerServices;

namespace DistributedGpt.Transformer;

/// <summary>
/// A <see cref="LinearOperation"/> by threads. An item is a run of panels for all tokens. With few tokens a panel is streamed once,
/// from front to back; with many, a block of columns of every panel meets all tokens before the next block, so that the activations
/// come from the second-level and the weights from the first-level cache.
/// </summary>
internal readonly unsafe struct LinearWork<TSimd, V, TElement> : IWork
    where TSimd : ISimd<V>
    where V : unmanaged
    where TElement : unmanaged
{
    // Columns of a block: a panel's and a tile's share fit into the first-level cache.
    private const int ColumnBlock = 256;

    // Up to so many tokens a panel is streamed on its own.
    private const int FewTokens = 12;

    private readonly LinearOperation _operation;
    private readonly int _panelsPerItem;

    public LinearWork(in LinearOperation operation, int threads)
    {
        _operation = operation;
        int tokens = TokenTiles.Padded(Math.Min(operation.Tokens, TokenTiles.Block));
        int most = LinearOperation.AccumulatorFloats / (tokens * PanelRows * (operation.Gated ? 2 : 1));
        _panelsPerItem = Math.Clamp(Panels / (threads * 16), Math.Min(most, 2), Math.Min(most, 8));
    }

    /// <summary>Number of items.</summary>
    public int Items => (Panels + _panelsPerItem - 1) / _panelsPerItem;

    private static int PanelRows => 2 * TSimd.Lanes;

    private int Panels => (_operation.Rows + PanelRows - 1) / PanelRows;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(int item, int worker)
    {
        int first = item * _panelsPerItem;
        int end = Math.Min(first + _panelsPerItem, Panels);
        float* accumulators = _operation.Accumulators + (long)worker * LinearOperation.AccumulatorFloats;
        for (int token = 0; token < _operation.Tokens; token += TokenTiles.Block)
        {
            int tokens = Math.Min(TokenTiles.Block, _operation.Tokens - token);
            int padded = TokenTiles.Padded(tokens);
            int step = tokens == 1 ? 2 : tokens <= FewTokens ? 1 : end - first;
            for (int panel = first; panel < end; panel += step)
            {
                int count = Math.Min(step, end - panel);
                long size = (long)count * padded * PanelRows;
                Multiply(_operation.Weight, panel, count, token, tokens, accumulators);
                if (_operation.Gated) Multiply(_operation.UpWeight, panel, count, token, tokens, accumulators + size);
                for (int i = 0; i < count; i++)
                {
                    float* product = accumulators + (long)i * padded * PanelRows;
                    Finish(panel + i, token, tokens, product, product + size);
                }
            }
        }
    }

    // Fills accumulators [panel, token, row in panel] for the tokens from `token` on.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Multiply(byte* panels, int firstPanel, int panelCount, int token, int tokens, float* accumulators)
    {
        int padded = TokenTiles.Padded(tokens);
        int allColumns = _operation.Columns;
        if (tokens == 1 && panelCount == 2)
        {
            TElement* w = (TElement*)panels + (long)firstPanel * allColumns * PanelRows;
            float* x = _operation.X + (long)token * allColumns;
            TileKernel<TSimd, V, TElement>.MultiplyPanels(w, w + (long)allColumns * PanelRows, x, allColumns, accumulators);
            return;
        }

        int block = padded <= TileKernel<TSimd, V, TElement>.MaxTokens ? allColumns : ColumnBlock;
        for (int column = 0; column < allColumns; column += block)
        {
            int columns = Math.Min(block, allColumns - column);
            for (int i = 0; i < panelCount; i++)
            {
                TElement* w = (TElement*)panels + ((long)(firstPanel + i) * allColumns + column) * PanelRows;
                float* y = accumulators + (long)i * padded * PanelRows;
                for (int done = 0; done < tokens;)
                {
                    int tile = TokenTiles.At(done, tokens);
                    float* x = _operation.X + (long)(token + done) * allColumns + (long)column * tile;
                    TileKernel<TSimd, V, TElement>.Multiply(
                        tile, w, w + TSimd.Lanes, PanelRows, x, columns, y, y + TSimd.Lanes, PanelRows, fresh: column == 0);
                    y += tile * PanelRows;
                    done += tile;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Finish(int panel, int token, int tokens, float* product, float* up)
    {
        int row = panel * PanelRows;
        int rows = Math.Min(PanelRows, _operation.Rows - row);
        for (int t = 0; t < tokens; t++, product += PanelRows, up += PanelRows)
        {
            float* y = _operation.Y + (long)(token + t) * _operation.YStride + row;
            int i = 0;
            for (; i <= rows - TSimd.Lanes; i += TSimd.Lanes) Finish<TSimd, V>(product + i, up + i, row + i, y + i);
            for (; i < rows; i++) Finish<SimdPlain, float>(product + i, up + i, row + i, y + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Finish<TRow, W>(float* product, float* up, int row, float* y)
        where TRow : ISimd<W>
        where W : unmanaged
    {
        W result = TRow.Load(product);
        if (_operation.Bias != null) result = TRow.Add(result, TRow.Load(_operation.Bias + row));
        switch (_operation.Epilogue)
        {
            case LinearEpilogue.Add:
                result = TRow.Add(TRow.Load(y), result);
                break;
            case LinearEpilogue.GeluTanh or LinearEpilogue.GatedGeluTanh:
                result = VectorMath<TRow, W>.GeluTanh(result);
                break;
            case LinearEpilogue.Silu or LinearEpilogue.GatedSilu:
                result = VectorMath<TRow, W>.TimesSigmoid(result, result);
                break;
        }

        if (_operation.Gated)
        {
            W second = TRow.Load(up);
            if (_operation.UpBias != null) second = TRow.Add(second, TRow.Load(_operation.UpBias + row));
            result = TRow.Multiply(result, second);
        }

        TRow.Store(result, y);
    }
}
