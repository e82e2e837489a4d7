namespace DistributedGpt.Transformer;

/// <summary>Hidden states in native memory; disposing gives the buffer back to its backend.</summary>
internal sealed unsafe class CpuHiddenStates : IHiddenStates
{
    private readonly HiddenStatesPool _pool;
    private readonly NativeBuffer _data;
    private bool _rented;

    public CpuHiddenStates(HiddenStatesPool pool, long capacity)
    {
        _pool = pool;
        _data = new NativeBuffer(capacity * sizeof(float));
        Capacity = capacity;
    }

    /// <summary>Floats that fit.</summary>
    public long Capacity { get; }

    /// <inheritdoc/>
    public int Rows { get; private set; }

    /// <inheritdoc/>
    public int Hidden { get; private set; }

    /// <summary><c>[rows, hidden]</c>.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was given back.</exception>
    public float* Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(!_rented, this);
            return _data.Floats;
        }
    }

    /// <summary>Begins a new use.</summary>
    public void Rent(int rows, int hidden)
    {
        Rows = rows;
        Hidden = hidden;
        _rented = true;
    }

    /// <inheritdoc/>
    public void CopyTo(Span<float> destination) => new ReadOnlySpan<float>(Data, checked(Rows * Hidden)).CopyTo(destination);

    /// <inheritdoc/>
    public void CopyFrom(ReadOnlySpan<float> source)
    {
        if (source.Length != (long)Rows * Hidden)
        {
            throw new ArgumentException($"Expected {Rows} x {Hidden} values, found {source.Length}.", nameof(source));
        }

        source.CopyTo(new Span<float>(Data, source.Length));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_rented) return;
        _rented = false;
        _pool.Return(this);
    }

    /// <summary>Frees the memory.</summary>
    public void Free() => _data.Dispose();
}
