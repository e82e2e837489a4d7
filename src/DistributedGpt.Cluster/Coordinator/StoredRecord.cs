namespace DistributedGpt.Cluster;

/// <summary>A record as it was read, with the version that a write compares.</summary>
/// <param name="Name">The record's name.</param>
/// <param name="State">Value and version.</param>
internal sealed record StoredRecord<T>(string Name, GrainState<T?> State)
    where T : class
{
    /// <summary>The value; null where there is no record yet.</summary>
    public T? Value => State.RecordExists ? State.State : null;
}
