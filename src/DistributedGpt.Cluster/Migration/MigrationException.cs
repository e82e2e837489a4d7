namespace DistributedGpt.Cluster;

/// <summary>A migration cannot go on, and is given up: the parts stay where they are.</summary>
/// <param name="message">Why, fit for the log.</param>
[GenerateSerializer]
internal sealed class MigrationException(string message) : Exception(message);
