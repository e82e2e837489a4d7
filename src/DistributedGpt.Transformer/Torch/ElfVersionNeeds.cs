using System.Buffers.Binary;
using System.Text;

namespace DistributedGpt.Transformer;

/// <summary>
/// The symbol versions that a 64-bit little-endian ELF library asks of others (section <c>.gnu.version_r</c>; layout: Linux
/// Standard Base, "Symbol Versioning").
/// </summary>
internal static class ElfVersionNeeds
{
    private const uint VersionNeedSection = 0x6ffffffe;
    private const ushort Weak = 0x2;

    /// <summary>
    /// Marks the need of <paramref name="version"/> as weak in <paramref name="library"/>, the file's bytes, so that the loader
    /// accepts a system that lacks it. Right only where no relocation uses a symbol of that version.
    /// </summary>
    /// <returns>Whether the library asks for that version.</returns>
    public static bool MarkWeak(Span<byte> library, string version)
    {
        if (library.Length < 64 || !library.StartsWith("\u007fELF"u8)) return false;
        int sectionTable = checked((int)BinaryPrimitives.ReadUInt64LittleEndian(library[40..]));
        int sectionSize = BinaryPrimitives.ReadUInt16LittleEndian(library[58..]);
        int sectionCount = BinaryPrimitives.ReadUInt16LittleEndian(library[60..]);
        bool found = false;
        for (int i = 0; i < sectionCount; i++)
        {
            Span<byte> section = library.Slice(sectionTable + i * sectionSize, sectionSize);
            if (BinaryPrimitives.ReadUInt32LittleEndian(section[4..]) != VersionNeedSection) continue;
            int needs = checked((int)BinaryPrimitives.ReadUInt64LittleEndian(section[24..]));
            int link = (int)BinaryPrimitives.ReadUInt32LittleEndian(section[40..]);
            Span<byte> stringSection = library.Slice(sectionTable + link * sectionSize, sectionSize);
            int strings = checked((int)BinaryPrimitives.ReadUInt64LittleEndian(stringSection[24..]));
            found |= MarkWeak(library, needs, strings, version);
        }
        return found;
    }

    private static bool MarkWeak(Span<byte> library, int need, int strings, string version)
    {
        byte[] wanted = [.. Encoding.ASCII.GetBytes(version), 0];
        bool found = false;
        while (true)
        {
            // Verneed: version u16, count u16, file u32, offset of the first Vernaux u32, offset of the next Verneed u32.
            int aux = need + (int)BinaryPrimitives.ReadUInt32LittleEndian(library[(need + 8)..]);
            int count = BinaryPrimitives.ReadUInt16LittleEndian(library[(need + 2)..]);
            for (int i = 0; i < count; i++)
            {
                // Vernaux: hash u32, flags u16, other u16, name u32, offset of the next u32.
                int name = strings + (int)BinaryPrimitives.ReadUInt32LittleEndian(library[(aux + 8)..]);
                if (library[name..].StartsWith(wanted))
                {
                    Span<byte> flags = library[(aux + 4)..];
                    BinaryPrimitives.WriteUInt16LittleEndian(flags, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(flags) | Weak));
                    found = true;
                }
                aux += (int)BinaryPrimitives.ReadUInt32LittleEndian(library[(aux + 12)..]);
            }
            int next = (int)BinaryPrimitives.ReadUInt32LittleEndian(library[(need + 12)..]);
            if (next == 0) return found;
            need += next;
        }
    }
}
