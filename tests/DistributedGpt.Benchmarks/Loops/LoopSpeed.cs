namespace DistributedGpt.Benchmarks;

/// <summary>Tokens per second, of all requests together.</summary>
/// <param name="Prefill">Tokens of prompts, until every request has its first token.</param>
/// <param name="Decode">Generated tokens after that, while no request has ended.</param>
internal readonly record struct LoopSpeed(double Prefill, double Decode);
