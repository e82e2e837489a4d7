namespace DistributedGpt.Engine;

/// <summary>Where a request stands on the client's side.</summary>
public enum StreamState
{
    /// <summary>It must be submitted (again).</summary>
    NeedsSubmit,

    /// <summary>A submission is under way and its answer not known.</summary>
    Submitting,

    /// <summary>A coordinator has accepted it.</summary>
    Streaming,

    /// <summary>Every completion has its finish reason.</summary>
    Finished,

    /// <summary>A coordinator has refused it.</summary>
    Refused,
}
