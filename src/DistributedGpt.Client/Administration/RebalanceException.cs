namespace DistributedGpt.Client;

/// <summary>A model cannot be rebalanced.</summary>
/// <param name="message">Why, fit for the user.</param>
public sealed class RebalanceException(string message) : Exception(message);
