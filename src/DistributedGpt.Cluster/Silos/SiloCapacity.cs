using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Cluster;

/// <summary>What a silo offers to a plan.</summary>
/// <param name="Device">Its device, <c>cpu</c> or <c>cuda:0</c>.</param>
/// <param name="MemoryLimit">Bytes that weights and caches may occupy.</param>
/// <param name="ReservedBytes">Bytes that are taken.</param>
/// <param name="WeightType">The type of resident weights; null: as stored.</param>
/// <param name="SampleTimes">How long its device takes for a <see cref="SampleLayer"/>; null: not measured.</param>
[GenerateSerializer, Immutable]
internal sealed record SiloCapacity(
    [property: Id(0)] string Device,
    [property: Id(1)] long MemoryLimit,
    [property: Id(2)] long ReservedBytes,
    [property: Id(3)] TensorType? WeightType,
    [property: Id(4)] StepTimes? SampleTimes = null)
{
    /// <summary>Of a silo that does not answer.</summary>
    public static SiloCapacity None { get; } = new("", 0, 0, null);

    /// <summary>Bytes that are left.</summary>
    public long FreeBytes => MemoryLimit - ReservedBytes;
}
