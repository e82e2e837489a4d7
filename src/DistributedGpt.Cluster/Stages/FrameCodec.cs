using System.Buffers;
using System.Diagnostics.Metrics;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.WireProtocol;

namespace DistributedGpt.Cluster;

/// <summary>
/// The wire format of a <see cref="Frame"/>: length (variable), rows, width (4 bytes each), checksum (8 bytes), then the rows as
/// they lie in memory, copied straight between the pooled buffers and the connection's. Inside a silo a frame is not copied.
/// <para>
/// A frame whose checksum is wrong never reaches a stage: the call that brought it fails, which is a lost step like any other.
/// </para>
/// </summary>
[RegisterSerializer, RegisterCopier]
public sealed class FrameCodec : IFieldCodec<Frame>, IDeepCopier<Frame>
{
    private const int HeaderBytes = (2 * sizeof(int)) + sizeof(ulong);

    private static readonly Counter<long> s_refused =
        ClusterTelemetry.Meter.CreateCounter<long>("dgpt.border.refused", "{frame}", "Frames refused because their checksum was wrong.");

    /// <inheritdoc/>
    public void WriteField<TBufferWriter>(ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, Frame? value)
        where TBufferWriter : IBufferWriter<byte>
    {
        if (ReferenceCodec.TryWriteReferenceField(ref writer, fieldIdDelta, expectedType, value)) return;
        ArgumentNullException.ThrowIfNull(value);
        writer.WriteFieldHeader(fieldIdDelta, expectedType, typeof(Frame), WireType.LengthPrefixed);
        writer.WriteVarUInt32((uint)(HeaderBytes + value.ByteCount));
        writer.WriteInt32(value.Rows);
        writer.WriteInt32(value.Hidden);
        writer.WriteUInt64(value.ComputeChecksum());
        writer.Write(value.Bytes);
    }

    /// <inheritdoc/>
    public Frame ReadValue<TInput>(ref Reader<TInput> reader, Field field)
    {
        if (field.WireType == WireType.Reference) return ReferenceCodec.ReadReference<Frame, TInput>(ref reader, field)!;
        field.EnsureWireType(WireType.LengthPrefixed);
        uint length = reader.ReadVarUInt32();
        int rows = reader.ReadInt32();
        int hidden = reader.ReadInt32();
        ulong checksum = reader.ReadUInt64();
        if (rows <= 0 || hidden <= 0 || (long)rows * hidden * sizeof(float) + HeaderBytes != length)
            throw new InvalidDataException($"frame: expected {rows} x {hidden} float32 in {length} bytes");
        var frame = new Frame(rows, hidden, received: true);
        reader.ReadBytes(frame.Bytes);
        if (frame.ComputeChecksum() != checksum)
        {
            frame.Release();
            s_refused.Add(1);
            throw new InvalidDataException($"frame: the checksum of {rows} x {hidden} float32 is not the one that they were sent with");
        }

        ReferenceCodec.RecordObject(reader.Session, frame);
        return frame;
    }

    /// <inheritdoc/>
    public Frame? DeepCopy(Frame? input, CopyContext context) => input;
}
