namespace DistributedGpt.Engine;

/// <summary>A verdict, and the refusal to pass on where it is one.</summary>
/// <param name="Verdict">What to do with the step.</param>
/// <param name="Refusal">Not null exactly when the verdict is <see cref="StageVerdict.Refused"/>.</param>
public readonly record struct StageDecision(StageVerdict Verdict, StageRefusal? Refusal = null);
