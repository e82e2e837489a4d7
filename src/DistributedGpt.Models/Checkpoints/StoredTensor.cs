namespace DistributedGpt.Models;

/// <summary>A tensor as a file's header describes it.</summary>
/// <param name="File">The file's name.</param>
/// <param name="Name">The tensor's name in it.</param>
/// <param name="Type">The element type's name in the format, such as <c>BF16</c>.</param>
/// <param name="Shape">The dimensions, slowest first; none for a scalar.</param>
/// <param name="Address">Where the first byte is mapped; need not be aligned.</param>
internal sealed record StoredTensor(string File, string Name, string Type, IReadOnlyList<long> Shape, nint Address)
{
    /// <summary>Type and shape as an error tells them.</summary>
    public string Describe() => $"{Type} {Describe(Shape)}";

    /// <summary>A shape as an error tells it.</summary>
    public static string Describe(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";
}
