namespace DistributedGpt.Cli;

/// <summary>Input that cannot be used; the message is the whole story.</summary>
internal sealed class InputException(string message) : Exception(message);
