namespace DistributedGpt.Client;

/// <summary>Layers could not be moved off a silo.</summary>
/// <param name="message">What stays and why, fit for the user.</param>
public sealed class DrainException(string message) : Exception(message);
