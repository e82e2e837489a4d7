using System.Numerics;

namespace DistributedGpt.Transformer;

/// <summary>Buffers of hidden states, kept for reuse by their capacity, a power of two. Safe for concurrent callers.</summary>
internal sealed class HiddenStatesPool : IDisposable
{
    // Of one capacity a pipeline holds one buffer per step in flight; more than this many are not kept.
    private const int KeptPerCapacity = 8;

    private readonly Lock _lock = new();
    private readonly Stack<CpuHiddenStates>?[] _free = new Stack<CpuHiddenStates>?[64];
    private bool _disposed;

    /// <summary>A buffer of <paramref name="rows"/> rows with undefined content.</summary>
    public CpuHiddenStates Rent(int rows, int hidden)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(hidden);
        long capacity = (long)BitOperations.RoundUpToPowerOf2((ulong)rows * (ulong)hidden);
        CpuHiddenStates? states = null;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _free[BitOperations.Log2((ulong)capacity)]?.TryPop(out states);
        }

        states ??= new CpuHiddenStates(this, capacity);
        states.Rent(rows, hidden);
        return states;
    }

    /// <summary>Takes a buffer back.</summary>
    public void Return(CpuHiddenStates states)
    {
        lock (_lock)
        {
            Stack<CpuHiddenStates> free = _free[BitOperations.Log2((ulong)states.Capacity)] ??= new(KeptPerCapacity);
            if (!_disposed && free.Count < KeptPerCapacity)
            {
                free.Push(states);
                return;
            }
        }

        states.Free();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            foreach (Stack<CpuHiddenStates>? free in _free)
            {
                while (free is { Count: > 0 }) free.Pop().Free();
            }
        }
    }
}
