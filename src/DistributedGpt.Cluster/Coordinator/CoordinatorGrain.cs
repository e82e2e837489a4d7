using System.Diagnostics;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Runtime.Placement;
using static DistributedGpt.Engine.CoordinatorCommand;

namespace DistributedGpt.Cluster;

/// <summary>
/// Drives the <see cref="CoordinatorProtocol"/> of one replica: carries its commands to the record, the stages and the clients, and
/// their answers back. What is decided is decided there; here are the calls, the timers and the waiting clients.
/// <para>
/// Roles: the only writer of the replica's record. It plans the replica once, loads its parts through their grains, and sends
/// each step into the first stage's first layer; the last stage calls <see cref="Completed"/>.
/// </para>
/// <para>
/// Phases: without a plan (only Load is served), loading, serving. Every member runs on the grain's scheduler, so the protocol
/// is never used by two threads; calls interleave at their awaits, and after every input the commands are carried out.
/// </para>
/// <para>
/// Crash case: an activation made anew reads the record and raises the epoch, which fences its predecessor. One that was fenced
/// deactivates and waits first, so that the two do not chase each other.
/// </para>
/// </summary>
[KeepAlive, Reentrant]
internal sealed partial class CoordinatorGrain(
    RecordStore records,
    SiloStore store,
    SiloAgents agents,
    IClusterMembershipService membership,
    ILocalSiloDetails local,
    FingerprintCache fingerprints,
    ILogger<CoordinatorGrain> logger) : Grain, ICoordinatorControl
{
    private static readonly TimeSpan Heartbeat = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MovePause = TimeSpan.FromMilliseconds(10);

    /// <summary>So long, after all silos were lost, those of the plan may take to come back before others get their layers.</summary>
    private static readonly TimeSpan RestartPatience = TimeSpan.FromSeconds(10);

    private readonly Guid _id = Guid.NewGuid();
    private readonly Dictionary<Guid, TaskCompletionSource> _waiting = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly StepClock _clock = new();
    private readonly Stopwatch _sinceActivation = Stopwatch.StartNew();
    private ReplicaKey? _key;
    private CoordinatorProtocol? _protocol;
    private Scheduler? _scheduler;
    private ReplicaRecord? _record;
    private StageSpec[] _stages = [];
    private long _totalBytes;
    private TaskCompletionSource<string?>? _loaded;
    private bool _unloading;
    private ReplicaRecord? _moving;
    private StepMetrics? _stepMetrics;
    private ReplicaMetrics? _metrics;
    private Recovery? _recovery;

    private ReplicaKey Key => _key ??= ReplicaKey.Parse(this.GetPrimaryKeyString());

    /// <inheritdoc/>
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        StoredRecord<ReplicaRecord> record = await records.ReadAsync<ReplicaRecord>(Key.ToString());
        if (record.Value is { } value) Begin(value);
        Run(WatchSilosAsync());
    }

    /// <inheritdoc/>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _metrics?.Dispose();
        await _stopping.CancelAsync();
        foreach (TaskCompletionSource waiting in _waiting.Values) waiting.TrySetResult();
    }

    public async Task<string?> Load(ModelSpec model)
    {
        if (_protocol is null)
        {
            try
            {
                ReplicaRecord plan = await PlanAsync(model);
                StoredRecord<ReplicaRecord> stored = await records.ReadAsync<ReplicaRecord>(Key.ToString());
                if (stored.Value is null && !await records.TryWriteAsync(stored, plan)) return $"{model.Name}: replica: is being loaded by another coordinator";
                _loaded = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
                Begin(stored.Value ?? plan);
            }
            catch (Exception e) when (e is ModelFormatException or InsufficientMemoryException)
            {
                return e.Message;
            }
        }

        return _loaded is null ? null : await _loaded.Task;
    }

    public async Task<LoadProgress> GetProgress()
    {
        if (_record is null) return default;
        long[] loaded = await Task.WhenAll(_record.Silos.Where(silo => !IsLost(silo)).Select(silo => agents[silo].GetLoadedBytes(Key)));
        return new LoadProgress(loaded.Sum(), _totalBytes);
    }

    public Task<ReplicaReport?> GetReport() => Task.FromResult(_record is { } record && _scheduler is { } scheduler && _protocol is { } protocol
        ? new ReplicaReport(Key.Index, protocol.State, local.Name, record.Epoch, [.. record.Plan.Stages.Select(Describe)], scheduler.Status)
        : null);

    public async Task Unload(bool now)
    {
        _unloading = true;
        while (!now && _scheduler?.Status is { } status && status.Running + status.Waiting > 0) await Task.Delay(Heartbeat, _stopping.Token);
        if (_record is not null) await AbandonAsync();
    }

    public async Task<string?> Drain(SiloAddress silo)
    {
        if (_record is not { } record || !record.Plan.Stages.Any(stage => record.SiloOf(stage).Equals(silo))) return null;
        try
        {
            SiloOffer[] others = Array.FindAll(await GetOffersAsync(), offer => !offer.Address.Equals(silo));
            ReplicaRecord moved = ReplicaPlanner.Replace(store.Folder(record.Model.Path), record, others);

            // While the old place still serves.
            foreach (PlanStage stage in moved.Plan.Stages.Where((stage, index) => record.SiloOf(record.Plan.Stages[index]).Equals(silo)))
            {
                if (await agents[moved.SiloOf(stage)].Preload([.. PartKey.OfStage(Key, stage)], moved) is { } error) return error;
            }

            if (_record != record) return $"{Key}: its plan has changed meanwhile: try again";
            _moving = moved;
            _protocol!.Replan();
            CarryOut();
            while (_record.Plan.Stages.Any(stage => _record.SiloOf(stage).Equals(silo)) || _protocol.State != CoordinatorState.Running)
                await Task.Delay(MovePause, _stopping.Token);
            await agents[silo].Release(Key);
            return null;
        }
        catch (InsufficientMemoryException e)
        {
            return e.Message;
        }
    }

    public Task<DeliverySession?> Submit(GenerateRequest request, Guid subscription)
    {
        // One that runs may be submitted again: its client has lost an answer.
        if (_protocol is null || (_unloading && !_scheduler!.Contains(request.Id)))
            throw new RequestRefusedException(RequestRefusedException.ModelNotFound, $"The model '{Key.Model}' is not loaded.", "model");
        DeliverySession? session = _protocol.Submit(request, subscription);
        CarryOut();
        return Task.FromResult(session);
    }

    public Task Cancel(Guid request)
    {
        _protocol?.Cancel(request);
        CarryOut();
        return Task.CompletedTask;
    }

    public async Task<TokenBatch> Next(Guid subscription, DeliveryAck ack)
    {
        if (_protocol is null) return new TokenBatch(default, 0, []);
        TokenBatch batch = _protocol.Next(subscription, ack);
        CarryOut();
        if (batch.Entries.Length > 0) return batch;

        var news = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_waiting.Remove(subscription, out TaskCompletionSource? former)) former.TrySetResult();
        _waiting[subscription] = news;
        try
        {
            await news.Task.WaitAsync(Heartbeat, _stopping.Token);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
        }

        if (_waiting.TryGetValue(subscription, out TaskCompletionSource? mine) && mine == news) _waiting.Remove(subscription);
        batch = _protocol.Next(subscription, ack);
        CarryOut();
        return batch;
    }

    public Task Completed(long epoch, int number, SampledToken[] tokens)
    {
        _protocol?.Completed(epoch, number, tokens);
        CarryOut();
        return Task.CompletedTask;
    }

    private void Begin(ReplicaRecord record)
    {
        ModelFolder folder = store.Folder(record.Model.Path);
        ModelConfig config = folder.Config;
        Follow(record);
        int stages = record.Plan.Stages.Length;
        var options = new SchedulerOptions
        {
            ContextLength = config.ContextLength,
            VocabularySize = config.VocabularySize,
            MaxInFlight = stages,
            TokenBudget = TokenBudget(config.HiddenSize, stages),
        };
        _scheduler = new Scheduler(options, new BlockPool(record.KvBlocks), new BlockHasher(record.Fingerprint));
        _protocol = new CoordinatorProtocol(_id, _scheduler, new CoordinatorOptions { StepTimeout = _clock.TimeoutOf });
        _stepMetrics = new StepMetrics(Key);
        _metrics = new ReplicaMetrics(Key);
        _protocol.Start();
        CarryOut();
    }

    private void Follow(ReplicaRecord record)
    {
        int hidden = store.Folder(record.Model.Path).Config.HiddenSize;
        _record = record;
        _stages = [.. record.Plan.Stages.Select((stage, index) => new StageSpec(Key, index, stage, hidden))];
    }

    private StageReport Describe(PlanStage stage) =>
        new(stage.FirstLayer, stage.LayerCount, stage.Embedding, stage.Head, _record!.SiloNames[stage.Silo]);

    /// <summary>Rows per step: where a step crosses a border, its frame must stay below 2 MiB.</summary>
    private static int TokenBudget(int hidden, int stages) =>
        stages == 1 ? 512 : Math.Clamp((2 << 20) / (hidden * sizeof(float)), StepBatch.BlockSize, 512);

    private void CarryOut()
    {
        while (_protocol is not null && _protocol.TryTake(out CoordinatorCommand? command))
        {
            switch (command)
            {
                case RaiseEpoch:
                    // The first epoch of a replica is a load.
                    if (_record!.Epoch > 0) _recovery ??= new Recovery();
                    Run(RaiseEpochAsync());
                    break;
                case AttachStage attach:
                    Run(AttachAsync(attach));
                    break;
                case ExecuteStep execute:
                    Run(ExecuteAsync(execute.Batch));
                    break;
                case Deliver deliver:
                    if (_waiting.Remove(deliver.Subscription, out TaskCompletionSource? waiting)) waiting.TrySetResult();
                    break;
                case StartTimer timer:
                    Run(ElapseAsync(timer));
                    break;
                case StandDown standDown:
                    Run(StandDownAsync(standDown.Pause));
                    break;
            }
        }

        if (_scheduler is not null) _metrics?.Observe(_scheduler);
    }

    private async void Run(Task task)
    {
        try
        {
            await task;
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested)
        {
            LogCommandFailed(e, Key);
        }
        catch (Exception)
        {
            // The activation is ending; its successor raises a new epoch.
        }
    }

    private async Task RaiseEpochAsync()
    {
        try
        {
            await membership.Refresh();
            ReplicaRecord? raised = await WriteEpochAsync();
            if (raised is null)
            {
                _protocol!.EpochLost();
                CarryOut();
                return;
            }

            _recovery?.Recorded();
            Follow(raised);
            if (await LoadPartsAsync(raised) is { } error)
            {
                LogLoadFailed(Key, error);
                if (_loaded?.TrySetResult(error) == true)
                {
                    await AbandonAsync();
                    return;
                }

                _protocol!.EpochFailed();
            }
            else
            {
                _recovery?.Loaded();
                _protocol!.EpochRaised(raised.Epoch, raised.Plan.Stages.Length);
                LogAttaching(Key, raised.Epoch);
            }
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested)
        {
            // Whatever it is, storage that is away among it, the next try may succeed, and there is no other way on.
            LogCommandFailed(e, Key);
            _protocol!.EpochFailed();
        }

        CarryOut();
    }

    /// <summary>Raises the epoch in the record under this activation's name.</summary>
    /// <returns>The record as written; null if another coordinator has come after this one.</returns>
    private async Task<ReplicaRecord?> WriteEpochAsync()
    {
        while (true)
        {
            StoredRecord<ReplicaRecord> stored = await records.ReadAsync<ReplicaRecord>(Key.ToString());
            if (stored.Value is not { } before) return null;
            if (_protocol!.Epoch > 0 && before.Owner != _id) return null;
            ReplicaRecord raised = await PlaceLostStagesAsync(before) with { Epoch = before.Epoch + 1, Owner = _id };
            if (await records.TryWriteAsync(stored, raised)) return raised;
        }
    }

    /// <summary>The record with every stage on a silo that lives.</summary>
    private async Task<ReplicaRecord> PlaceLostStagesAsync(ReplicaRecord record)
    {
        (ReplicaRecord? moving, _moving) = (_moving, null);
        if (moving is not null && moving.Epoch == record.Epoch && LostStages(moving).Length == 0) return moving;
        PlanStage[] lost = LostStages(record);
        if (lost.Length == 0) return record;
        SiloOffer[] living = await GetOffersAsync();
        if (lost.Length == record.Plan.Stages.Length && _sinceActivation.Elapsed < RestartPatience && !record.SiloNames.All(name => living.Any(silo => silo.Name == name)))
            throw new TimeoutException($"{Key}: waiting for its silos after a restart: {string.Join(", ", record.SiloNames)}");
        ReplicaRecord replaced = ReplicaPlanner.Replace(store.Folder(record.Model.Path), record, living);
        foreach (PlanStage stage in lost)
            LogStageMoves(Key, stage.FirstLayer, stage.EndLayer - 1, record.SiloNames[stage.Silo], replaced.SiloNames[replaced.Plan.Stages[record.Plan.StageOf(stage.FirstLayer)].Silo]);
        return replaced;
    }

    private PlanStage[] LostStages(ReplicaRecord record) => Array.FindAll(record.Plan.Stages, stage => IsLost(record.SiloOf(stage)));

    private bool IsLost(SiloAddress silo) => membership.CurrentSnapshot.GetSiloStatus(silo) != SiloStatus.Active;

    /// <summary>What every living silo offers; one that does not answer keeps what it has and offers nothing.</summary>
    private async Task<SiloOffer[]> GetOffersAsync()
    {
        ClusterMember[] members = [.. membership.CurrentSnapshot.Members.Values.Where(member => member.Status == SiloStatus.Active).OrderBy(member => member.SiloAddress)];
        return await Task.WhenAll(members.Select(async member =>
            new SiloOffer(member.SiloAddress, member.Name, await agents.FindCapacityAsync(member.SiloAddress) ?? SiloCapacity.None)));
    }

    /// <summary>Tells the protocol at once when a silo of the plan is gone, rather than when a call to it fails.</summary>
    private async Task WatchSilosAsync()
    {
        await foreach (ClusterMembershipSnapshot _ in membership.MembershipUpdates.WithCancellation(_stopping.Token))
        {
            if (_record is null || LostStages(_record).Length == 0) continue;
            _protocol?.Replan();
            CarryOut();
        }
    }

    /// <summary>Loads, or adopts, every part of the plan: the silos beside each other, the parts of a silo one after the other.</summary>
    /// <returns>Null, or why a part cannot be loaded.</returns>
    private async Task<string?> LoadPartsAsync(ReplicaRecord record)
    {
        string?[] errors = await Task.WhenAll(record.Plan.Stages.GroupBy(record.SiloOf).Select(silo => LoadSiloAsync(silo.Key, silo)));
        return Array.Find(errors, error => error is not null);

        async Task<string?> LoadSiloAsync(SiloAddress silo, IEnumerable<PlanStage> stages)
        {
            var request = new LoadRequest(silo, record);
            foreach (PartKey part in stages.SelectMany(stage => PartKey.OfStage(Key, stage)))
            {
                if (await LoadPartAsync(part, request) is { } error) return error;
            }

            return null;
        }
    }

    private async Task<string?> LoadPartAsync(PartKey part, LoadRequest request)
    {
        IPartGrain grain = part.Kind switch
        {
            PartKind.Embedding => GrainFactory.GetGrain<IEmbeddingGrain>(part.GrainKey),
            PartKind.Head => GrainFactory.GetGrain<IHeadGrain>(part.GrainKey),
            _ => GrainFactory.GetGrain<ILayerGrain>(part.GrainKey),
        };
        while (true)
        {
            RequestContext.Set(IPlacementDirector.PlacementHintKey, request.Silo);
            Task<LoadReply> load = grain.Load(request);
            RequestContext.Remove(IPlacementDirector.PlacementHintKey);
            LoadReply reply = await load;
            if (!reply.Moved) return reply.Error;
            await Task.Delay(MovePause, _stopping.Token);
        }
    }

    /// <summary>The first load failed, or the replica is unloaded: nothing is left behind.</summary>
    private async Task AbandonAsync()
    {
        await Task.WhenAll(_record!.Silos.Where(silo => !IsLost(silo)).Select(silo => agents[silo].Release(Key)));
        StoredRecord<ReplicaRecord> stored = await records.ReadAsync<ReplicaRecord>(Key.ToString());
        if (stored.Value?.Owner == _id) await records.ClearAsync(stored);
        _protocol = null;
        DeactivateOnIdle();
    }

    private async Task AttachAsync(AttachStage attach)
    {
        try
        {
            StageSpec stage = _stages[attach.Stage];
            AttachReply reply = await FirstLayer(stage).Attach(stage, attach.Epoch);
            _protocol!.Attached(attach.Epoch, attach.Stage, reply);
            if (_protocol.State == CoordinatorState.Running)
            {
                _loaded?.TrySetResult(null);
                EndRecovery();
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogCommandFailed(e, Key);
            _protocol!.AttachFailed(attach.Epoch, attach.Stage);
        }

        CarryOut();
    }

    private void EndRecovery()
    {
        if (_recovery is not { } recovery) return;
        _recovery = null;
        recovery.Attached(Key);
        LogRecovered(Key, _record!.Epoch, recovery.Total.TotalMilliseconds, recovery.Record.TotalMilliseconds, recovery.Load.TotalMilliseconds, recovery.Attach.TotalMilliseconds);
    }

    private async Task ExecuteAsync(StepBatch batch)
    {
        using Activity? activity = StepActivity.Start(Key, batch);
        try
        {
            long started = Stopwatch.GetTimestamp();
            StageRefusal? refusal = await FirstLayer(_stages[0]).Execute(new StepMessage(batch, 0, null, StepActivity.TraceParent(activity)));
            if (refusal is null)
            {
                TimeSpan elapsed = Stopwatch.GetElapsedTime(started);
                _clock.Observe(batch, elapsed);
                _stepMetrics!.Passed(batch, elapsed);
                _protocol!.StepReturned(batch.Epoch, batch.Number);
            }
            else
            {
                activity?.SetStatus(ActivityStatusCode.Error, $"{refusal.Reason}");
                if (refusal.Reason == RefusalReason.Threw) LogStepThrew(Key, batch.Epoch, batch.Number, batch.Sequences.Length, refusal.Detail);
                _protocol!.StepFailed(batch.Epoch, batch.Number, refusal);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            activity?.SetStatus(ActivityStatusCode.Error, e.Message);
            LogStepFailed(e, Key, batch.Epoch, batch.Number);
            _protocol!.StepFailed(batch.Epoch, batch.Number, null);
        }

        CarryOut();
    }

    private ILayerGrain FirstLayer(StageSpec stage) =>
        GrainFactory.GetGrain<ILayerGrain>(new PartKey(Key, PartKind.Layer, stage.Stage.FirstLayer).GrainKey);

    private async Task ElapseAsync(StartTimer timer)
    {
        await Task.Delay(timer.Due, _stopping.Token);
        _protocol?.TimerElapsed(timer.Timer);
        CarryOut();
    }

    private async Task StandDownAsync(TimeSpan pause)
    {
        LogFenced(Key);
        await Task.Delay(pause, _stopping.Token);
        DeactivateOnIdle();
    }

    private async Task<ReplicaRecord> PlanAsync(ModelSpec model)
    {
        ModelFolder folder = store.Folder(model.Path);
        SiloOffer[] silos = await GetOffersAsync();
        ClusterPlan plan = ReplicaPlanner.Plan(folder, model, silos);
        StagePlan stages = plan.Replicas[0];
        _totalBytes = stages.Stages.Sum(stage => plan.WeightBytes(stage) + plan.KvBytes(stage));
        return new ReplicaRecord
        {
            Model = model,
            Fingerprint = await fingerprints.GetAsync(model.Path),
            Plan = stages,
            Silos = Array.ConvertAll(silos, silo => silo.Address),
            SiloNames = Array.ConvertAll(silos, silo => silo.Name),
            KvBlocks = plan.KvBlocks,
        };
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Replica}: attaching under epoch {Epoch}")]
    private partial void LogAttaching(ReplicaKey replica, long epoch);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: layers {First} to {Last} go from {Lost}, which is gone, to {Silo}")]
    private partial void LogStageMoves(ReplicaKey replica, int first, int last, string lost, string silo);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: step {Number} of epoch {Epoch} failed")]
    private partial void LogStepFailed(Exception exception, ReplicaKey replica, long epoch, int number);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Replica}: step {Number} of epoch {Epoch}, with {Sequences} sequences, threw: {Detail}")]
    private partial void LogStepThrew(ReplicaKey replica, long epoch, int number, int sequences, string? detail);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: a call of the coordinator failed")]
    private partial void LogCommandFailed(Exception exception, ReplicaKey replica);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Replica}: cannot be loaded: {Error}")]
    private partial void LogLoadFailed(ReplicaKey replica, string error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: serves again, in epoch {Epoch}, after {Total:F0} ms: record {Record:F0} ms, load {Load:F0} ms, attach {Attach:F0} ms")]
    private partial void LogRecovered(ReplicaKey replica, long epoch, double total, double record, double load, double attach);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: another coordinator has taken over")]
    private partial void LogFenced(ReplicaKey replica);
}
