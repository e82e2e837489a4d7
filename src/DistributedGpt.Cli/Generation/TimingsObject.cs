namespace DistributedGpt.Cli;

/// <summary>Times as JSON.</summary>
internal sealed record TimingsObject(double FirstTokenMs, double TotalMs, double TokensPerSecond);
