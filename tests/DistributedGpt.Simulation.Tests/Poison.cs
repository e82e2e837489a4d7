namespace DistributedGpt.Simulation.Tests;

/// <summary>Something that a stage cannot compute: every step with such a row throws there.</summary>
/// <param name="Request">The request.</param>
/// <param name="Position">Rows of it throw from this position on.</param>
/// <param name="Stage">The stage.</param>
internal sealed record Poison(Guid Request, int Position, int Stage)
{
    public bool IsIn(StepBatch batch, int stage) =>
        stage == Stage && batch.Sequences.Any(rows => rows.Id.Request == Request && rows.Length > Position);

    /// <summary>Tokens that a completion of the request can get.</summary>
    public int MostTokens(GenerateRequest request) => Math.Max(0, Position + 1 - request.PromptIds.Length);
}
