namespace DistributedGpt.Simulation.Tests;

/// <summary>
/// One cluster in virtual time: the real state machines of the protocol and the real scheduler over fake layers, a network that
/// delays, breaks, loses and repeats, and clients that read to the end. The same seed gives the same run.
/// </summary>
internal sealed class Simulation
{
    private readonly List<SimulatedSilo> _silos = [];
    private readonly Dictionary<int, SimulatedSilo> _grains = [];
    private readonly SimulatedClient[] _clients;
    private readonly Dictionary<Guid, GenerateRequest> _requests;
    private readonly Dictionary<SequenceId, int> _threw = [];
    private readonly List<SimulatedCoordinator> _coordinators = [];
    private SimulatedCoordinator? _current;
    private double _noneBefore;

    public Simulation(SimulationCase @case)
    {
        Case = @case;
        Random = new Random(@case.Seed ^ 0x5EED);
        Network = new Network(Time, Random, @case, Counts);
        Record = new RecordStorage(this, FirstPlan());
        for (int silo = 0; silo < @case.Silos; silo++) _silos.Add(new SimulatedSilo(this, silo));
        _clients = [.. Enumerable.Range(0, @case.Clients).Select(index => new SimulatedClient(this, SimulationCase.Name(@case.Seed, 2, index)))];
        _requests = @case.Requests.ToDictionary(each => each.Request.Id, each => each.Request);
    }

    public SimulationCase Case { get; }

    public VirtualTime Time { get; } = new();

    public Random Random { get; }

    public Network Network { get; }

    public RecordStorage Record { get; }

    public SimulationCounts Counts { get; } = new();

    public GenerateRequest Request(Guid id) => _requests[id];

    public SimulatedClient ClientOf(int index) => _clients[index];

    /// <summary>A silo that lives, or has lived.</summary>
    public SimulatedSilo Silo(int index) => _silos[index];

    /// <summary>The silos that membership lists.</summary>
    public SimulatedSilo[] Members => [.. _silos.Where(silo => !silo.IsLost)];

    public bool IsAnyLost(StagePlan plan) => plan.Stages.Any(stage => _silos[stage.Silo].IsLost);

    /// <summary>The plan with the stages of lost silos on others.</summary>
    public StagePlan ReplaceLost(StagePlan plan) => IsAnyLost(plan)
        ? new StagePlan(Array.ConvertAll(plan.Stages, stage => _silos[stage.Silo].IsLost ? stage with { Silo = RandomMember() } : stage))
        : plan;

    /// <summary>The layers cut anew, each stage on any silo.</summary>
    public StagePlan RandomPlan()
    {
        int stages = Random.Next(1, Case.Layers + 1);
        int[] ends = [.. Enumerable.Range(1, Case.Layers - 1).OrderBy(_ => Random.Next()).Take(stages - 1).Order(), Case.Layers];
        int[] silos = [.. ends.Select(_ => RandomMember())];
        return new StagePlan([.. ends.Select((end, i) => Stage(i == 0 ? 0 : ends[i - 1], end, silos[i]))]);
    }

    /// <summary>The grain of a layer is placed on a silo.</summary>
    public void MoveGrain(int layer, SimulatedSilo silo) => _grains[layer] = silo;

    /// <summary>Runs the case and checks it.</summary>
    /// <exception cref="SimulationFailure">A check did not hold.</exception>
    public void Run()
    {
        foreach ((GenerateRequest request, int client, double start) in Case.Requests) Time.After(start, () => _clients[client].Begin(request));
        Every(Case.NewCoordinatorEvery, ReplaceCoordinator);
        Every(Case.ReloadEvery, Reload);
        Every(Case.CancelEvery, Cancel);
        Every(Case.PauseEvery, () => _clients[Random.Next(_clients.Length)].Pause(Random.NextDouble() * 1500));
        Every(Case.StopEvery, Stop);
        Every(Case.KillEvery, Kill);
        Every(Case.MigrateEvery, () => _current?.Rebalance());
        Time.After(SimulationCase.FaultsEnd, () => Network.Calm = true);

        double lastStart = Case.Requests.Max(each => each.Start);
        bool Running() => Time.Now <= lastStart || _clients.Any(client => client.Open > 0);
        while (Running() && Time.Step(SimulationCase.Limit)) ;
        CheckTexts();
        while (Time.Now < SimulationCase.FaultsEnd && Time.Step(SimulationCase.FaultsEnd)) ;
        Settle();
        CheckBlocks();
    }

    /// <summary>Whether a step throws in a stage: because of what is in it, or for once.</summary>
    public bool Throws(StepBatch batch, PlanStage stage)
    {
        bool poisoned = Case.Poison is { } poison && poison.IsIn(batch, stage);
        if (poisoned) Counts.Poisoned++;
        else if (!Network.Chance(Case.Throws) || batch.Sequences.Any(rows => _threw.GetValueOrDefault(rows.Id) >= SimulationCase.MostThrows)) return false;
        foreach (StepSequence rows in batch.Sequences) _threw[rows.Id] = _threw.GetValueOrDefault(rows.Id) + 1;
        return true;
    }

    /// <summary>Carries a step into the stage that begins with a layer.</summary>
    public void Execute(StepBatch batch, ulong[]? hidden, int stage, int firstLayer, SimulatedCoordinator origin, Call<bool> caller) => Network.Send<bool>(
        call => Find(firstLayer, call)?.Execute(new SimulatedSilo.Step(batch, hidden, stage, origin, call)),
        caller.Return,
        caller.Throw);

    /// <summary>The silo where a layer's grain is; where it is nowhere, the call fails.</summary>
    public SimulatedSilo? Find<T>(int layer, Call<T> call)
    {
        if (_grains.TryGetValue(layer, out SimulatedSilo? silo) && !silo.IsLost) return silo;
        call.Throw();
        return null;
    }

    /// <summary>The coordinator that calls go to now, made anew where there is none; null while none may be made.</summary>
    public SimulatedCoordinator? Locate()
    {
        if (_current is { IsAlive: true }) return _current;
        if (Time.Now < _noneBefore) return null;
        _current = new SimulatedCoordinator(this, SimulationCase.Name(Case.Seed, 3, _coordinators.Count));
        _coordinators.Add(_current);
        return _current;
    }

    /// <summary>Clients cancel more than usually while caches are rebuilt.</summary>
    public void RebuildBegins()
    {
        if (!Network.Calm && Case.CancelEvery < double.PositiveInfinity && Random.Next(4) == 0) Time.After(Random.NextDouble() * 10, Cancel);
    }

    public void StoodDown(SimulatedCoordinator coordinator, double pause)
    {
        if (_current == coordinator) _noneBefore = Time.Now + pause;
    }

    private void Every(double mean, Action fault)
    {
        double delay = -Math.Log(1 - Random.NextDouble()) * mean;
        if (Time.Now + delay < SimulationCase.FaultsEnd) Time.After(delay, Go);

        void Go()
        {
            fault();
            Every(mean, fault);
        }
    }

    /// <summary>A new activation; the old one is gone, or goes on without knowing.</summary>
    private void ReplaceCoordinator()
    {
        if (Random.Next(2) == 0) _current?.Kill();
        _current = null;
    }

    private void Cancel()
    {
        SimulatedClient client = _clients[Random.Next(_clients.Length)];
        if (Random.Next(10) > 0)
        {
            client.Cancel(Case.Requests[Random.Next(Case.Requests.Length)].Request.Id);
            return;
        }

        Counts.Vanished++;
        client.Vanish();
    }

    private void Stop()
    {
        (GenerateRequest request, int client, _) = Case.Requests[Random.Next(Case.Requests.Length)];
        _clients[client].Stop(new SequenceId(request.Id, Random.Next(request.Completions)));
    }

    /// <summary>
    /// A silo is gone, and with it what it held, what it was told and, where it was there, the coordinator. Nobody knows until it is
    /// declared dead; then calls to it fail and its stages are loaded elsewhere, with caches that hold anything.
    /// </summary>
    private void Kill()
    {
        SimulatedSilo[] alive = [.. _silos.Where(silo => silo.IsAlive)];
        if (alive.Length == 0) return;
        SimulatedSilo victim = alive[Random.Next(alive.Length)];
        Counts.Killed++;
        if (_current is { IsMigrating: true }) Counts.KilledInMigration++;
        if (_current is { State: CoordinatorState.Rebuilding }) Counts.KilledInRebuild++;
        victim.Kill();
        double detection = 1 + Random.NextDouble() * 150;
        if (Random.Next(alive.Length) == 0)
        {
            _current?.Kill();
            _current = null;
            _noneBefore = Time.Now + detection;
        }

        Time.After(detection, () =>
        {
            _silos.Add(new SimulatedSilo(this, _silos.Count));
            victim.Bury();
            foreach (SimulatedCoordinator coordinator in _coordinators) coordinator.Replan();

            // Often the next one comes before the caches are rebuilt.
            if (!Network.Calm && Random.Next(3) == 0) Time.After(Random.NextDouble() * 60, Kill);
        });
    }

    private void Reload()
    {
        Counts.Reloads++;
        int layer = Random.Next(Case.Layers);
        if (_grains.TryGetValue(layer, out SimulatedSilo? silo)) silo.Reload(layer);
    }

    private void CheckTexts()
    {
        foreach ((GenerateRequest request, int client, _) in Case.Requests)
        {
            SimulatedClient reader = _clients[client];
            if (reader.WasGivenUp(request.Id)) CheckGivenUp(request, reader);
            for (int completion = 0; completion < request.Completions; completion++)
            {
                var id = new SequenceId(request.Id, completion);
                IReadOnlyList<TokenEvent> text = reader.Received(id);
                Counts.Tokens += text.Count;
                Oracle.Check(Case, request, completion, text);
                if (!reader.WasCancelled(request.Id) && !reader.WasGivenUp(request.Id) && !reader.WasStopped(id) && (text.Count == 0 || text[^1].FinishReason == FinishReason.None))
                    throw new SimulationFailure($"{id}: {text.Count} of {request.MaxTokens} tokens at {Time.Now:f0} ms, {reader.Ledger(request.Id)?.State}");
            }
        }
    }

    /// <summary>Only what cannot be computed is given up, and only at the place that cannot be computed.</summary>
    private void CheckGivenUp(GenerateRequest request, SimulatedClient reader)
    {
        Counts.GivenUp++;
        if (Case.Poison is not { } poison || poison.Request != request.Id) throw new SimulationFailure($"{request.Id} was given up, although it can be computed");

        // Of several completions the first error ends all, whatever the others have read by then.
        int tokens = reader.Received(new SequenceId(request.Id, 0)).Count;
        if (request.Completions == 1 && tokens != poison.MostTokens(request))
            throw new SimulationFailure($"{request.Id} was given up after {tokens} tokens, {poison.MostTokens(request)} can be had");
    }

    /// <summary>Lets everything that is on its way arrive, and the silent subscriptions be dropped.</summary>
    private void Settle()
    {
        double end = Time.Now + 5000;
        while (Time.Step(end)) ;
        Counts.Events += Time.EventsRun;
        Counts.RowsSaved += _coordinators.Sum(coordinator => coordinator.Status.RowsSaved);
        Counts.Preemptions += _coordinators.Sum(coordinator => coordinator.Status.Preemptions);
    }

    private void CheckBlocks()
    {
        if (_current is not { IsAlive: true, State: CoordinatorState.Running } coordinator) return;
        SchedulerStatus status = coordinator.Status;
        if (status.Waiting + status.Running + status.StepsInFlight + status.BlocksInUse > 0)
            throw new SimulationFailure($"left behind: {status.Waiting} waiting, {status.Running} running, {status.StepsInFlight} steps, {status.BlocksInUse} blocks in use");
        Counts.BlocksChecked++;
        foreach (SimulatedSilo silo in Members)
        {
            Counts.SilosChecked++;
            int[] ghosts = [.. silo.Layers.Where(layer => coordinator.Plan.Stages[coordinator.Plan.StageOf(layer)].Silo != silo.Index)];
            if (ghosts.Length > 0 || silo.CopyCount > 0) throw new SimulationFailure($"left behind on silo {silo.Index}: layers {string.Join(", ", ghosts)}, {silo.CopyCount} copies");
        }

        for (int stage = 0; stage < coordinator.Plan.Stages.Length; stage++)
        {
            PlanStage spec = coordinator.Plan.Stages[stage];
            SimulatedSilo silo = Silo(spec.Silo);
            if (!silo.Holds(spec)) return;
            AttachReply reply = silo.AttachNow(coordinator.Epoch + 1, stage, spec);
            if (reply.Refusal is not null || !coordinator.Knows(stage, reply.Incarnations)) return;
            foreach (BlockFill block in coordinator.CachedBlocks.Except(reply.Blocks))
                throw new SimulationFailure($"block {block.Block} is cached, but stage {stage} does not hold it under that hash");
        }
    }

    private int RandomMember()
    {
        SimulatedSilo[] members = Members;
        return members[Random.Next(members.Length)].Index;
    }

    private StagePlan FirstPlan() => new([.. Enumerable.Range(0, Case.Stages).Select(stage =>
        Stage(stage * Case.LayersPerStage, (stage + 1) * Case.LayersPerStage, stage % Case.Silos))]);

    private PlanStage Stage(int first, int end, int silo) => new(silo, first, end - first, first == 0, end == Case.Layers);
}
