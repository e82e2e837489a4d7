using System.Buffers.Binary;
using System.Text;
using DistributedGpt.Transformer;

namespace DistributedGpt.Tests;

public sealed class ElfVersionNeedsTests
{
    private const int NeedOffset = 64, StringsOffset = 128, SectionsOffset = 192;

    [Fact]
    public void MarkWeak_VersionThatIsNeeded_SetsItsFlagAndNothingElse()
    {
        byte[] library = Library();
        byte[] before = [.. library];

        Assert.True(ElfVersionNeeds.MarkWeak(library, "GLIBCXX_3.4.32"));

        int flags = NeedOffset + 16 + 16 + 4;
        Assert.Equal(2, library[flags]);
        library[flags] = 0;
        Assert.Equal(before, library);
    }

    [Fact]
    public void MarkWeak_PrefixOfANeededVersion_ChangesNothing()
    {
        byte[] library = Library();

        Assert.False(ElfVersionNeeds.MarkWeak(library, "GLIBCXX_3.4.3"));
        Assert.Equal(Library(), library);
    }

    [Fact]
    public void MarkWeak_NoElfFile_ChangesNothing()
    {
        byte[] text = new byte[200];
        Assert.False(ElfVersionNeeds.MarkWeak(text, "GLIBCXX_3.4.32"));
    }

    /// <summary>An ELF file of two sections: the need of two versions of one library, and their names.</summary>
    private static byte[] Library()
    {
        byte[] file = new byte[SectionsOffset + 2 * 64];
        "\u007fELF"u8.CopyTo(file);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(40), SectionsOffset);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(58), 64);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(60), 2);

        Span<byte> need = file.AsSpan(NeedOffset);
        BinaryPrimitives.WriteUInt16LittleEndian(need[2..], 2);
        BinaryPrimitives.WriteUInt32LittleEndian(need[8..], 16);
        BinaryPrimitives.WriteUInt32LittleEndian(need[24..], 1);
        BinaryPrimitives.WriteUInt32LittleEndian(need[28..], 16);
        BinaryPrimitives.WriteUInt32LittleEndian(need[40..], 13);
        Encoding.ASCII.GetBytes("\0GLIBCXX_3.4\0GLIBCXX_3.4.32\0").CopyTo(file, StringsOffset);

        Span<byte> needSection = file.AsSpan(SectionsOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(needSection[4..], 0x6ffffffe);
        BinaryPrimitives.WriteUInt64LittleEndian(needSection[24..], NeedOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(needSection[40..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(SectionsOffset + 64 + 24), StringsOffset);
        return file;
    }
}
