using System.Buffers;
using System.Text;

namespace DistributedGpt.Models;

/// <summary>
/// Turns the characters of byte-level BPE into bytes and these into text, one U+FFFD for each maximal part of an invalid
/// sequence. Only a sequence that more bytes could complete is held, so at most three bytes.
/// </summary>
internal sealed class ByteLevelStage : DecoderStage
{
    private byte[] _held = [];

    /// <inheritdoc/>
    public override void Push(string piece)
    {
        var buffer = new ArrayBufferWriter<byte>(piece.Length + 4);
        buffer.Write(_held);
        ByteLevelAlphabet.Write(piece, buffer);
        ReadOnlySpan<byte> bytes = buffer.WrittenSpan;

        // The last three bytes suffice to see whether the end is incomplete.
        int complete = bytes.Length;
        for (int start = Math.Max(0, bytes.Length - 3); start < bytes.Length; start++)
        {
            if (Rune.DecodeFromUtf8(bytes[start..], out _, out _) == OperationStatus.NeedMoreData)
            {
                complete = start;
                break;
            }
        }

        _held = bytes[complete..].ToArray();
        if (complete > 0)
            PassOn(Encoding.UTF8.GetString(bytes[..complete]));
    }

    /// <inheritdoc/>
    public override void Flush(bool dropIncomplete)
    {
        if (_held.Length > 0 && !dropIncomplete)
            PassOn(Encoding.UTF8.GetString(_held));
        _held = [];
        base.Flush(dropIncomplete);
    }
}
