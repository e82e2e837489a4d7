namespace DistributedGpt.Cli;

/// <summary>Whoever read standard output has gone.</summary>
internal sealed class ClosedOutputException(IOException inner) : Exception("standard output is closed", inner);
