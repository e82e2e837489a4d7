namespace DistributedGpt.Client;

/// <summary>The cluster, or its Redis server, cannot be reached; the message says which and why.</summary>
/// <param name="message">Fit for the user.</param>
/// <param name="inner">The cause.</param>
public sealed class ClusterUnreachableException(string message, Exception? inner = null) : Exception(message, inner);
