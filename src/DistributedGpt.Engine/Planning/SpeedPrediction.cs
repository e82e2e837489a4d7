namespace DistributedGpt.Engine;

/// <summary>How fast a plan is.</summary>
/// <param name="Requests">Requests at once.</param>
/// <param name="TokensPerSecond">Of all of them together.</param>
/// <param name="Why">What keeps it from being faster, in a sentence.</param>
public sealed record SpeedPrediction(int Requests, double TokensPerSecond, string Why);
