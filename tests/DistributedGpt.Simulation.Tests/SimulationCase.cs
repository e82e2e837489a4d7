namespace DistributedGpt.Simulation.Tests;

/// <summary>One cluster, its requests, and how likely which fault is; all of it follows from the seed. Times are in milliseconds.</summary>
internal sealed class SimulationCase
{
    /// <summary>Until then there are faults.</summary>
    public const double FaultsEnd = 600;

    /// <summary>By then every request must have ended.</summary>
    public const double Limit = 60_000;

    /// <summary>Fewer than make a coordinator give a request up.</summary>
    public const int MostThrows = 2;

    public SimulationCase(int seed, Mutation mutation)
    {
        (Seed, Mutation) = (seed, mutation);
        var random = new Random(seed);
        Stages = random.Next(1, 5);
        Silos = random.Next(1, Stages + 3);
        LayersPerStage = random.Next(1, 3);
        Exact = random.Next(4) != 0;
        Clients = random.Next(1, 3);

        double Chance(double most) => random.Next(3) switch { 0 => 0, 1 => most * random.NextDouble() * 0.2, _ => most * random.NextDouble() };
        Breaks = Chance(0.04);
        LostReplies = Chance(0.02);
        Duplicates = Chance(0.03);
        Throws = Chance(0.03);
        LostTokens = Chance(0.05);
        Hangs = Chance(0.01);
        Slow = Chance(0.02);
        Damages = Chance(0.1);
        NetworkDelay = random.Next(3) switch { 0 => 0.2, 1 => 3, _ => 10 };
        StepTime = random.Next(3) switch { 0 => 0.1, 1 => 2, _ => 6 };
        // The mean time between two faults of a kind.
        NewCoordinatorEvery = Every(300);
        ReloadEvery = Every(600);
        CancelEvery = Every(200);
        PauseEvery = Every(800);
        StopEvery = Every(100);
        KillEvery = Every(400);
        MigrateEvery = MovesLayers(mutation) ? Every(100) : double.PositiveInfinity;
        double Every(double mean) => random.Next(2) == 0 ? double.PositiveInfinity : mean * (0.3 + random.NextDouble());

        int[][] beginnings = [.. Enumerable.Range(0, 2).Select(_ => Ids(random, random.Next(16, 41)))];
        Requests = new (GenerateRequest, int, double)[random.Next(3, 9)];
        int longest = 0;
        for (int i = 0; i < Requests.Length; i++)
        {
            int[] beginning = beginnings[random.Next(2)];
            int[] prompt = [.. beginning[..random.Next(1, beginning.Length + 1)], .. Ids(random, random.Next(0, 20))];
            var request = new GenerateRequest
            {
                Id = Name(seed, 1, i),
                PromptIds = prompt,
                MaxTokens = random.Next(1, 25),
                Completions = random.Next(3) == 0 ? random.Next(2, 4) : 1,
                CacheSalt = random.Next(5) == 0 ? "other" : "",
                Sampling = new SamplingOptions
                {
                    Temperature = random.Next(3) == 0 ? 0 : 0.7f,
                    Seed = (ulong)random.NextInt64(),
                    PresencePenalty = random.Next(2) == 0 ? 0 : 0.5f,
                    EosTokenIds = FakeModel.EosTokenIds,
                    IgnoreEos = random.Next(4) == 0,
                    StopTokenIds = random.Next(4) == 0 ? FakeModel.StopTokenIds : [],
                    MinTokens = random.Next(3) == 0 ? random.Next(1, 10) : 0,
                    Logprobs = random.Next(3) == 0 ? 0 : null,
                },
            };
            longest = Math.Max(longest, prompt.Length + request.MaxTokens - 1);
            Requests[i] = (request, random.Next(Clients), random.NextDouble() * 300);
        }

        if (random.Next(4) == 0)
        {
            (GenerateRequest poisonous, _, _) = Requests[random.Next(Requests.Length)];
            int position = random.Next(poisonous.PromptIds.Length + poisonous.MaxTokens);
            Poison = new Poison(poisonous.Id, position, random.Next(Layers));
        }

        Blocks = (longest + StepBatch.BlockSize - 1) / StepBatch.BlockSize + random.Next(0, 8);
        Scheduling = new SchedulerOptions
        {
            TokenBudget = random.Next(2) == 0 ? random.Next(4, 20) : random.Next(20, 80),
            MaxSequencesPerStep = random.Next(1, 9),
            MaxRunning = random.Next(1, 9),
            ContextLength = longest + 1,
            VocabularySize = FakeModel.Vocabulary,
            MaxInFlight = Stages,
        };
    }

    public int Seed { get; }

    public Mutation Mutation { get; }

    public int Stages { get; }

    /// <summary>Silos; at first stage k lies on silo k modulo this.</summary>
    public int Silos { get; }

    public int LayersPerStage { get; }

    public int Layers => Stages * LayersPerStage;

    /// <summary>Whether the device gives the same token every time; otherwise delivered tokens must still never be taken back.</summary>
    public bool Exact { get; }

    public int Clients { get; }

    /// <summary>Blocks of the KV cache: the longest request just fits, or a little more.</summary>
    public int Blocks { get; }

    public SchedulerOptions Scheduling { get; }

    /// <summary>The requests, each with its client and the time when it comes.</summary>
    public (GenerateRequest Request, int Client, double Start)[] Requests { get; }

    /// <summary>A request that cannot be computed to its end, if there is one.</summary>
    public Poison? Poison { get; }

    /// <summary>The connection breaks under a call: its caller sees an exception, received or not.</summary>
    public double Breaks { get; }

    /// <summary>An answer never comes.</summary>
    public double LostReplies { get; }

    /// <summary>A call is received twice.</summary>
    public double Duplicates { get; }

    /// <summary>A step throws half-way through a stage, and will not the next time; no sequence meets that more than <see cref="MostThrows"/> times.</summary>
    public double Throws { get; }

    /// <summary>A client loses a token on the way from the batch to the ledger.</summary>
    public double LostTokens { get; }

    /// <summary>A lane hangs for longer than a step may take.</summary>
    public double Hangs { get; }

    /// <summary>A message is much slower than others.</summary>
    public double Slow { get; }

    /// <summary>A message takes up to so long.</summary>
    public double NetworkDelay { get; }

    /// <summary>A step takes up to so long in a stage.</summary>
    public double StepTime { get; }

    /// <summary>A piece of a cache arrives with a bit changed.</summary>
    public double Damages { get; }

    public double NewCoordinatorEvery { get; }

    public double ReloadEvery { get; }

    public double CancelEvery { get; }

    public double PauseEvery { get; }

    public double StopEvery { get; }

    /// <summary>A silo's process is killed, and after a while its stages are loaded on another.</summary>
    public double KillEvery { get; }

    /// <summary>Layers move to other silos, and are cut into other stages.</summary>
    public double MigrateEvery { get; }

    public CoordinatorOptions Coordination { get; } = new()
    {
        StepTimeout = _ => TimeSpan.FromMilliseconds(250),
        FirstStepTimeout = TimeSpan.FromMilliseconds(1000),
        AttachTimeout = TimeSpan.FromMilliseconds(300),
        CopyTimeout = TimeSpan.FromMilliseconds(150),
        RetryDelay = TimeSpan.FromMilliseconds(10),
        FencedPause = TimeSpan.FromMilliseconds(50),
        SubscriptionSilence = TimeSpan.FromMilliseconds(500),
    };

    public static Guid Name(int seed, int kind, int index) => new(seed, (short)kind, (short)index, 0, 0, 0, 0, 0, 0, 0, 0);

    /// <summary>Whether layers move in runs with that mutation: drivers that know other incarnations or hashes than the stage protocol know them by stage.</summary>
    private static bool MovesLayers(Mutation mutation) => mutation is not (Mutation.KeepHash or Mutation.NoBarrier or Mutation.SameIncarnation or Mutation.KnownEarly);

    private static int[] Ids(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(FakeModel.Vocabulary))];
}
