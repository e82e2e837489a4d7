namespace DistributedGpt.Cluster;

/// <summary>A living silo and what it offers to a plan.</summary>
/// <param name="Address">Its address.</param>
/// <param name="Name">Its name, which it keeps over restarts.</param>
/// <param name="Capacity">Its device and memory.</param>
internal sealed record SiloOffer(SiloAddress Address, string Name, SiloCapacity Capacity);
