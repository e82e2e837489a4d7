using System.Buffers.Binary;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace DistributedGpt.Cluster.Tests;

public sealed class FrameCodecTests
{
    private const int Rows = 2;
    private const int Hidden = 3;

    /// <summary>Rows, width and checksum, then the rows themselves.</summary>
    private const int Content = 4 + 4 + 8 + (Rows * Hidden * sizeof(float));

    private static readonly Serializer s_serializer = new ServiceCollection().AddSerializer().BuildServiceProvider().GetRequiredService<Serializer>();

    [Fact]
    public void Deserialize_WhatWasSent_GivesTheRows()
    {
        Frame sent = CreateFrame();

        Frame received = s_serializer.Deserialize<Frame>(s_serializer.SerializeToArray(sent))!;

        Assert.Equal((Rows, Hidden, true), (received.Rows, received.Hidden, received.WasReceived));
        Assert.Equal(sent.Bytes, received.Bytes);
    }

    [Fact]
    public void Deserialize_AnyBitFlipped_IsRefusedAndCounted()
    {
        using var listening = new Listening("any");
        byte[] sent = s_serializer.SerializeToArray(CreateFrame());
        for (int bit = 8 * (sent.Length - Content); bit < 8 * sent.Length; bit++)
        {
            byte[] flipped = [.. sent];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));

            InvalidDataException refused = Assert.Throws<InvalidDataException>(() => s_serializer.Deserialize<Frame>(flipped));

            Assert.StartsWith("frame: ", refused.Message, StringComparison.Ordinal);
        }

        // Bits of rows and width contradict the length first.
        Assert.Equal(8 * (Content - 8), listening.Values("dgpt.border.refused").Sum());
    }

    [Fact]
    public void Deserialize_RowsAndWidthExchanged_IsRefused()
    {
        byte[] sent = s_serializer.SerializeToArray(CreateFrame());
        Span<byte> content = sent.AsSpan(sent.Length - Content);
        BinaryPrimitives.WriteInt32LittleEndian(content, Hidden);
        BinaryPrimitives.WriteInt32LittleEndian(content[4..], Rows);

        Assert.Throws<InvalidDataException>(() => s_serializer.Deserialize<Frame>(sent));
    }

    private static Frame CreateFrame()
    {
        var frame = new Frame(Rows, Hidden, received: false);
        for (int i = 0; i < Rows * Hidden; i++) BinaryPrimitives.WriteSingleLittleEndian(frame.Bytes[(i * sizeof(float))..], i + 0.5f);
        return frame;
    }
}
