using CsCheck;

namespace DistributedGpt.Engine.Tests;

public sealed class SchedulerModelTests
{
    private enum Kind { Submit, Again, Cancel, Stop, Schedule, Run, Complete, Reset, Throw, LoseCache, NewCoordinator }

    private static readonly int[][] Beginnings = [.. Enumerable.Range(0, 3).Select(k => Enumerable.Range(0, 48).Select(i => (i * (k + 3) + k) % FakeModel.Vocabulary).ToArray())];

    private static readonly Gen<SchedulerOptions> Options = Gen.Select(Gen.Int[1, 40], Gen.Int[1, 6], Gen.Int[1, 8], Gen.Int[1, 4],
        (budget, perStep, running, inFlight) => new SchedulerOptions
        {
            TokenBudget = budget,
            MaxSequencesPerStep = perStep,
            MaxRunning = running,
            QueueLimit = 12,
            ContextLength = 128,
            VocabularySize = FakeModel.Vocabulary,
            MaxInFlight = inFlight,
        });

    private static readonly Gen<GenerateRequest> Requests =
        from k in Gen.Int[0, 2]
        from shared in Gen.Int[0, 48]
        from tail in Gen.Int[0, FakeModel.Vocabulary - 1].Array[1, 12]
        from maxTokens in Gen.Int[1, 40]
        from completions in Gen.Frequency((3, Gen.Const(1)), (1, Gen.Int[2, 4]))
        from penalty in Gen.Bool
        from eos in Gen.Int[0, 12]
        from salt in Gen.Frequency((5, Gen.Const("")), (1, Gen.Const("other")))
        select new GenerateRequest
        {
            Id = Guid.Empty,
            PromptIds = [.. Beginnings[k][..shared], .. tail],
            MaxTokens = maxTokens,
            Completions = completions,
            CacheSalt = salt,
            Sampling = new SamplingOptions
            {
                Seed = (ulong)eos,
                EosTokenIds = [0],
                StopTokenIds = eos < 4 ? [eos + 1] : [],
                IgnoreEos = eos > 8,
                PresencePenalty = penalty ? 1 : 0,
            },
        };

    private static readonly Gen<(Kind Kind, int Arg, GenerateRequest Request)> Moves = Gen.Select(
        Gen.Frequency(
            (3, Gen.Const(Kind.Submit)), (2, Gen.Const(Kind.Again)), (2, Gen.Const(Kind.Cancel)), (3, Gen.Const(Kind.Stop)), (30, Gen.Const(Kind.Schedule)),
            (30, Gen.Const(Kind.Run)), (30, Gen.Const(Kind.Complete)), (2, Gen.Const(Kind.Reset)), (4, Gen.Const(Kind.Throw)), (1, Gen.Const(Kind.LoseCache)), (1, Gen.Const(Kind.NewCoordinator))),
        Gen.Int[0, 7],
        Requests);

    [Fact]
    public void Schedule_RandomMoves_BooksHoldAndTextsAreTheOracles() =>
        Gen.Select(Options, Gen.Int[2, 14], Requests.Array[0, 8], Moves.Array[5, 120]).Sample(Play, iter: 600, threads: 1);

    private static void Play(SchedulerOptions options, int blocks, GenerateRequest[] first, (Kind Kind, int Arg, GenerateRequest Request)[] moves)
    {
        var simulation = new ServingSimulation(options, blocks);
        int number = 0;
        foreach (GenerateRequest request in first) simulation.Submit(request with { Id = new Guid(++number, 0, 0, new byte[8]) });
        foreach ((Kind kind, int arg, GenerateRequest request) in moves)
        {
            switch (kind)
            {
                case Kind.Submit: simulation.Submit(request with { Id = new Guid(++number, 0, 0, new byte[8]) }); break;
                case Kind.Again: simulation.SubmitAgain(arg, arg % 3); break;
                case Kind.Cancel: simulation.Cancel(arg); break;
                case Kind.Stop: simulation.Stop(arg, request.MaxTokens % 3); break;
                case Kind.Schedule: simulation.Schedule(); break;
                case Kind.Run: simulation.Run(); break;
                case Kind.Complete: simulation.Complete(); break;
                case Kind.Reset: simulation.Reset(); break;
                case Kind.Throw: simulation.Throw(); break;
                case Kind.LoseCache: simulation.LoseCache(); break;
                case Kind.NewCoordinator: simulation.NewCoordinator(arg % 4); break;
            }
        }
        simulation.Drain();
    }
}
