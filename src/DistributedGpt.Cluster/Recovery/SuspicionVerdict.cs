namespace DistributedGpt.Cluster;

/// <summary>What is to be done about a silo that is suspected of being dead.</summary>
internal enum SuspicionVerdict
{
    /// <summary>Nothing, for now.</summary>
    Wait,

    /// <summary>Nobody hears it: it is to be declared dead.</summary>
    Dead,

    /// <summary>Others hear it, but this silo and it have not heard each other for long, and it is the younger: it is to be declared dead.</summary>
    Severed,
}
