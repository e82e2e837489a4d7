namespace DistributedGpt.Client;

/// <summary>How far the loading of a model is.</summary>
/// <param name="Silos">Each silo that gets a part of it.</param>
[GenerateSerializer, Immutable]
public sealed record LoadProgress([property: Id(0)] SiloLoadProgress[] Silos)
{
    /// <summary>Bytes that are resident.</summary>
    public long LoadedBytes => Silos.Sum(silo => silo.LoadedBytes);

    /// <summary>Bytes in all; 0 while the model is not planned yet.</summary>
    public long TotalBytes => Silos.Sum(silo => silo.TotalBytes);
}
