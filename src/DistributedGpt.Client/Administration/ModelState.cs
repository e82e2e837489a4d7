namespace DistributedGpt.Client;

/// <summary>Where a model of the catalog stands.</summary>
public enum ModelState
{
    /// <summary>Its replicas are being loaded.</summary>
    Loading,

    /// <summary>It is served.</summary>
    Serving,

    /// <summary>Its running streams come to their end; new requests are refused.</summary>
    Unloading,
}
