namespace DistributedGpt.Cli;

/// <summary>Something that the doctor looked at.</summary>
/// <param name="Subject">What it is.</param>
/// <param name="Good">Whether all is well, or null where it is only told.</param>
/// <param name="Text">What was found.</param>
/// <param name="Remedy">The command or step that mends it.</param>
internal sealed record Finding(string Subject, bool? Good, string Text, string? Remedy = null);
