namespace DistributedGpt.Client;

/// <summary>A silo.</summary>
/// <param name="Name">The name that its operator gave it.</param>
/// <param name="Address">Address, port and generation.</param>
/// <param name="State">What membership says of it: <c>Active</c>, <c>Joining</c>, <c>ShuttingDown</c>.</param>
/// <param name="Device">What it computes on; null where it did not answer.</param>
/// <param name="MemoryLimit">Bytes that weights and caches may occupy.</param>
/// <param name="ReservedBytes">Bytes that they occupy.</param>
[GenerateSerializer, Immutable]
public sealed record SiloReport(
    [property: Id(0)] string Name,
    [property: Id(1)] string Address,
    [property: Id(2)] string State,
    [property: Id(3)] string? Device = null,
    [property: Id(4)] long MemoryLimit = 0,
    [property: Id(5)] long ReservedBytes = 0);
