using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace DistributedGpt.Models;

/// <summary>A whole file mapped for reading. Pages are read when they are touched.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;

    /// <summary>Maps the file <paramref name="name"/> of <paramref name="folder"/>.</summary>
    public MappedFile(string folder, string name)
    {
        Name = name;
        Path = System.IO.Path.Combine(folder, name);
        FolderFile.RequireContent(Path, name);
        try
        {
            Handle = File.OpenHandle(Path, FileMode.Open, FileAccess.Read, FileShare.Read);
            Length = RandomAccess.GetLength(Handle);
            _map = MemoryMappedFile.CreateFromFile(Handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            _map?.Dispose();
            Handle?.Dispose();
            throw ModelFormatException.Of(name, "file", "a file that can be mapped", error.Message, error);
        }
        byte* address = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref address);
        Address = (nint)(address + _view.PointerOffset);
    }

    /// <summary>The file's name within its folder.</summary>
    public string Name { get; }

    /// <summary>The file's full path.</summary>
    public string Path { get; }

    /// <summary>The open file, for reading that does not go through the map.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>Where the first byte is.</summary>
    public nint Address { get; }

    /// <summary>Bytes in the file.</summary>
    public long Length { get; }

    /// <summary>When the file was last written, in UTC.</summary>
    public DateTime LastWritten => File.GetLastWriteTimeUtc(Handle);

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
        _map.Dispose();
        Handle.Dispose();
    }
}
