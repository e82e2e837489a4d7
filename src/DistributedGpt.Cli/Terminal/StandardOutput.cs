using System.Text;
using Microsoft.Win32.SafeHandles;

namespace DistributedGpt.Cli;

/// <summary>
/// Standard output as plain UTF-8, each piece written at once. Unlike <see cref="Console"/>, it says when a pipe's reader is gone,
/// so that nobody computes what nobody reads.
/// </summary>
internal sealed class StandardOutput : IDisposable
{
    private const int FileDescriptor = 1;

    private readonly Stream _stream = Open();

    /// <summary>Writes a piece of text.</summary>
    /// <exception cref="ClosedOutputException">The reader is gone.</exception>
    public void Write(string text)
    {
        if (text.Length == 0) return;
        try
        {
            _stream.Write(Encoding.UTF8.GetBytes(text));
            _stream.Flush();
        }
        catch (IOException e)
        {
            throw new ClosedOutputException(e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private static Stream Open()
    {
        if (OperatingSystem.IsWindows()) return Console.OpenStandardOutput();
        var stream = new FileStream(new SafeFileHandle(FileDescriptor, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        if (!stream.CanSeek) return stream;

        // A file may be shared with standard error; FileStream would keep a position of its own.
        stream.Dispose();
        return Console.OpenStandardOutput();
    }
}
