using DistributedGpt.Client;

namespace DistributedGpt.Cli;

/// <summary>Which cluster, and as whom.</summary>
/// <param name="Address">The cluster.</param>
/// <param name="Credentials">What to show to its members and to ask of them; null: they speak unencrypted.</param>
internal sealed record ClusterAccess(ClusterAddress Address, ClusterCredentials? Credentials);
