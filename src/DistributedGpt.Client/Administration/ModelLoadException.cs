namespace DistributedGpt.Client;

/// <summary>A model cannot be loaded.</summary>
/// <param name="message">Why, fit for the user.</param>
public sealed class ModelLoadException(string message) : Exception(message);
