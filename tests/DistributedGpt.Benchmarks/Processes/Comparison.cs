namespace DistributedGpt.Benchmarks;

/// <summary>Two arrangements at work, whose speeds are divided.</summary>
/// <param name="Name">What it shows.</param>
/// <param name="Base">The arrangement that counts as one.</param>
/// <param name="BaseWork">Its work.</param>
/// <param name="Other">The arrangement that is compared with it.</param>
/// <param name="OtherWork">Its work.</param>
/// <param name="Speed">What is compared.</param>
internal sealed record Comparison(string Name, Arrangement Base, Workload BaseWork, Arrangement Other, Workload OtherWork, Func<LoopSpeed, double> Speed);
