using DistributedGpt.Engine;

namespace DistributedGpt.Transformer.Tests;

public sealed class SamplerStatesTests
{
    private static readonly SamplingOptions Options = new() { PresencePenalty = 1, FrequencyPenalty = 0.5f, RepetitionPenalty = 2 };

    [Fact]
    public void Advance_StepByStep_EqualsTheFoldOfTheHistory()
    {
        int[] ids = [4, 1, 1, 3, 5, 5, 0, 5];
        SamplerStates states = new();
        states.Advance(Step(ids, first: 0, length: 3) with { History = ids[..3] });
        for (int length = 4; length <= ids.Length; length++)
        {
            ILogitsProcessor advanced = states.Advance(Step(ids, length - 1, length))!;
            ILogitsProcessor anew = new SamplerStates().Advance(Step(ids, length - 1, length) with { History = ids[..length] })!;
            Assert.Equal(Logits(anew), Logits(advanced));
        }
    }

    [Fact]
    public void Advance_RowsPartlyKnown_TakesInTheRestOnly()
    {
        int[] ids = [4, 1, 1, 3, 5, 5];
        SamplerStates states = new();
        states.Advance(Step(ids, 0, 4) with { History = ids[..4] });

        ILogitsProcessor advanced = states.Advance(Step(ids, 2, 6))!;

        Assert.Equal(Logits(new SamplerStates().Advance(Step(ids, 0, 6) with { History = ids })!), Logits(advanced));
    }

    [Fact]
    public void Advance_NoPenalties_KeepsNothing()
    {
        SamplerStates states = new();

        Assert.Null(states.Advance(Step([1, 2], 0, 2) with { Sampling = new SamplingOptions { Temperature = 1, MinTokens = 3 } }));
        Assert.Equal(0, states.Count);
    }

    [Fact]
    public void Advance_UnknownSequence_NamesIt()
    {
        SamplerStates states = new();
        StepSequence step = Step([1, 2, 3], 2, 3);
        states.Advance(step with { History = [1, 2, 3] });
        states.Clear();

        var exception = Assert.Throws<InvalidOperationException>(() => states.Advance(step));

        Assert.Contains(step.Id.Request.ToString(), exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Forget_SomeSequences_KeepsTheOthers()
    {
        SamplerStates states = new();
        StepSequence[] steps = [.. Enumerable.Range(0, 3).Select(i => Step([1, 2], 0, 2) with { Id = new SequenceId(Guid.Empty, i), History = [1, 2] })];
        foreach (StepSequence step in steps) states.Advance(step);

        states.Forget([steps[0].Id, steps[2].Id, new SequenceId(Guid.Empty, 9)]);

        Assert.Equal(1, states.Count);
        Assert.NotNull(states.Advance(steps[1] with { History = null, TokenIds = [4], FirstPosition = 2 }));
    }

    [Fact]
    public void Advance_GapInThePositions_IsRefused()
    {
        int[] ids = [1, 2, 3, 4, 5];
        SamplerStates states = new();
        states.Advance(Step(ids, 0, 2) with { History = ids[..2] });

        Assert.Throws<InvalidOperationException>(() => states.Advance(Step(ids, 3, 4)));
    }

    [Fact]
    public void Advance_BeyondTheCapacity_ForgetsTheLeastRecentlyUsed()
    {
        SamplerStates states = new(capacity: 2);
        StepSequence[] steps = [.. Enumerable.Range(0, 3).Select(i => Step([1, 2], 0, 2) with { Id = new SequenceId(Guid.Empty, i), History = [1, 2] })];
        states.Advance(steps[0]);
        states.Advance(steps[1]);
        states.Advance(steps[0] with { History = null, TokenIds = [2, 3], FirstPosition = 1 });

        states.Advance(steps[2]);

        Assert.Equal(2, states.Count);
        states.Advance(steps[0] with { History = null, TokenIds = [4], FirstPosition = 3 });
        Assert.Throws<InvalidOperationException>(() => states.Advance(steps[1] with { History = null, TokenIds = [4], FirstPosition = 2 }));
    }

    /// <summary>Rows <paramref name="first"/> to <paramref name="length"/> of a sequence whose prompt are its first two ids.</summary>
    private static StepSequence Step(int[] ids, int first, int length) => new()
    {
        Id = new SequenceId(new Guid("4c5d6a2e-95a3-4a4b-8a39-6a6f0a3b7c11"), 1),
        TokenIds = ids[first..length],
        FirstPosition = first,
        BlockTable = [],
        Sampling = Options,
        PromptLength = 2,
    };

    private static float[] Logits(ILogitsProcessor processor)
    {
        float[] logits = [1, 2, 3, -1, -2, -3];
        processor.Apply(logits);
        return logits;
    }
}
