namespace DistributedGpt.Transformer;

/// <summary>Working memory that grows to the largest use and is kept; its content is undefined at each use.</summary>
internal sealed unsafe class ScratchBuffer : IDisposable
{
    private NativeBuffer _buffer = new(0);

    /// <summary>Room for <paramref name="count"/> elements, until the next call.</summary>
    public T* Get<T>(long count)
        where T : unmanaged
    {
        long bytes = count * sizeof(T);
        if (bytes > _buffer.Bytes)
        {
            _buffer.Dispose();
            _buffer = new NativeBuffer(bytes + bytes / 4);
        }

        return (T*)_buffer.Address;
    }

    /// <inheritdoc/>
    public void Dispose() => _buffer.Dispose();
}
