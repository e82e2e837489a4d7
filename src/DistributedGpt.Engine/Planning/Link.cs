namespace DistributedGpt.Engine;

/// <summary>The way from one silo to another.</summary>
/// <param name="LatencyMilliseconds">How long the shortest message takes.</param>
/// <param name="BytesPerMillisecond">What longer ones add.</param>
public sealed record Link(double LatencyMilliseconds, double BytesPerMillisecond)
{
    /// <summary>A link that costs nothing.</summary>
    public static Link Free { get; } = new(0, double.PositiveInfinity);

    /// <summary>How long a message takes.</summary>
    public double Milliseconds(double bytes) => LatencyMilliseconds + bytes / BytesPerMillisecond;
}
