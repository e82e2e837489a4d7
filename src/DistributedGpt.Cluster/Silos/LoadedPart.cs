namespace DistributedGpt.Cluster;

/// <summary>A part of a model in a silo's memory. It belongs to the store, not to the grain's activation.</summary>
/// <param name="Key">What it is.</param>
/// <param name="Runtime">An embedding, layer or head runtime.</param>
/// <param name="Incarnation">A random number: a part that is loaded anew has forgotten its cache and has another.</param>
/// <param name="Bytes">What it occupies.</param>
internal sealed record LoadedPart(PartKey Key, IDisposable Runtime, long Incarnation, long Bytes);
