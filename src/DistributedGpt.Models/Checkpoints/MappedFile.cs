using System.IO.MemoryMappedFiles;

namespace DistributedGpt.Models;

/// <summary>A whole file mapped for reading. Pages are read when they are touched.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    /// <summary>Maps the file <paramref name="name"/> of <paramref name="folder"/>.</summary>
    public MappedFile(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        FolderFile.RequireContent(path, name);
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            Length = stream.Length;
            _file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            _file?.Dispose();
            throw ModelFormatException.Of(name, "file", "a file that can be mapped", error.Message, error);
        }
        byte* address = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref address);
        Address = (nint)(address + _view.PointerOffset);
    }

    /// <summary>Where the first byte is.</summary>
    public nint Address { get; }

    /// <summary>Bytes in the file.</summary>
    public long Length { get; }

    /// <summary>A part of the file.</summary>
    public ReadOnlySpan<byte> Bytes(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + length, Length);
        return new((byte*)Address + offset, length);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
