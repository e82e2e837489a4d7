using System.Buffers;
using System.Globalization;
using System.Text;

namespace DistributedGpt.Models;

/// <summary>
/// Turns runs of byte tokens (<c>&lt;0xE2&gt;</c>) into text, as the library's <c>ByteFallback</c> does: a run that is valid
/// UTF-8 as a whole is its text, any other is one U+FFFD per byte. So a run is held until it ends or can only be invalid.
/// </summary>
internal sealed class ByteFallbackStage : DecoderStage
{
    private List<byte> _run = [];
    private int _complete;
    private bool _invalid;

    /// <summary>Reads a byte token.</summary>
    public static bool TryParse(string token, out byte value)
    {
        value = 0;
        return token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    /// <inheritdoc/>
    public override void Push(string piece)
    {
        if (!TryParse(piece, out byte value))
        {
            EndRun();
            PassOn(piece);
        }
        else if (_invalid)
        {
            PassOn("\uFFFD");
        }
        else
        {
            _run.Add(value);
            ReadOnlySpan<byte> tail = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_run)[_complete..];
            switch (Rune.DecodeFromUtf8(tail, out _, out int length))
            {
                case OperationStatus.Done:
                    _complete += length;
                    break;
                case OperationStatus.InvalidData:
                    _invalid = true;
                    PassOnReplacements();
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public override void Flush(bool dropIncomplete)
    {
        if (dropIncomplete)
            _run.RemoveRange(_complete, _run.Count - _complete);
        EndRun();
        base.Flush(dropIncomplete);
    }

    /// <inheritdoc/>
    public override DecoderStage Clone()
    {
        var clone = (ByteFallbackStage)base.Clone();
        clone._run = [.. _run];
        return clone;
    }

    private void EndRun()
    {
        if (_complete < _run.Count)
            PassOnReplacements();
        else if (_run.Count > 0)
            PassOn(Encoding.UTF8.GetString([.. _run]));
        _run.Clear();
        _complete = 0;
        _invalid = false;
    }

    private void PassOnReplacements()
    {
        for (int i = 0; i < _run.Count; i++)
            PassOn("\uFFFD");
        _run.Clear();
        _complete = 0;
    }
}
