namespace DistributedGpt.Simulation.Tests;

/// <summary>Something that a layer cannot compute: every step with such a row throws in its stage.</summary>
/// <param name="Request">The request.</param>
/// <param name="Position">Rows of it throw from this position on.</param>
/// <param name="Layer">The layer.</param>
internal sealed record Poison(Guid Request, int Position, int Layer)
{
    public bool IsIn(StepBatch batch, PlanStage stage) =>
        stage.FirstLayer <= Layer && Layer < stage.EndLayer && batch.Sequences.Any(rows => rows.Id.Request == Request && rows.Length > Position);

    /// <summary>Tokens that a completion of the request can get.</summary>
    public int MostTokens(GenerateRequest request) => Math.Max(0, Position + 1 - request.PromptIds.Length);
}
