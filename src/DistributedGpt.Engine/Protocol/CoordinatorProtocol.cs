using static DistributedGpt.Engine.CoordinatorCommand;

namespace DistributedGpt.Engine;

/// <summary>
/// The step protocol on the side of the coordinator, one per activation of a replica's coordinator grain. Every member is one
/// input; what is to be done comes out by <see cref="TryTake"/>. It is not thread-safe and has no clock.
/// <para>
/// Roles: this machine decides when there is a new epoch, which steps are sent, and what of their results counts. The
/// <see cref="Scheduler"/> decides what is in a step, <see cref="StageProtocol{TStep}"/> when it runs, <see cref="DeliveryBuffer"/>
/// what a client is answered.
/// </para>
/// <para>
/// Phases: <see cref="CoordinatorState"/>. Raising: a higher epoch is written to the replica's record. Attaching: every stage is
/// told, and answers when nothing older runs there. Rebuilding: stages that have lost their caches compute the live sequences again
/// (<see cref="RebuildPlan"/>). Running: as many steps in flight as the plan has stages. Whatever goes wrong
/// with a step or an Attach leads back to Raising: there is one way of recovery. Requests are accepted in every phase. A step that
/// threw in a stage counts against its sequences (<see cref="Scheduler.Fail"/>); what is lost on the way counts against nobody.
/// While layers have no place on the silos that live, requests wait for a bounded time, and then end with that reason.
/// Draining: parts of the replica move to other silos. They have been copied there while steps ran; now the steps in flight end and
/// no other begins, so that the copies can be finished. Then the record names the new places under the next epoch, or the migration
/// is given up and serving goes on as before.
/// </para>
/// <para>
/// Invariants: a step is scheduled only when all stages have attached under the current epoch, every cache is rebuilt, and nothing has
/// failed since. What is rebuilt is decided when all have attached: a request that is cancelled meanwhile may leave blocks that others
/// will share. An incarnation is known only when its cache is rebuilt, so that a recovery which interrupts another finishes its work.
/// Results of another epoch are ignored; those of the current one are applied in the order of the steps, once. A step counts when
/// its tokens have come; a chain that returns without them has lost them. A layer with another incarnation has lost its cache, except
/// a finished copy whose incarnation was told before nothing but the record could change. Whoever sees a higher epoch than its own
/// is fenced: it stops for good and stands down.
/// </para>
/// <para>
/// Crash case: nothing here is durable but the epoch. A coordinator made anew raises it, which fences its predecessor, starts
/// with the blocks that all stages hold under the same hash, and gets its requests from the clients, who submit them again with
/// the ids that they have.
/// </para>
/// </summary>
public sealed class CoordinatorProtocol
{
    private const int MostDoublings = 10;

    private readonly Guid _id;
    private readonly Scheduler _scheduler;
    private readonly CoordinatorOptions _options;
    private readonly Queue<CoordinatorCommand> _commands = new();
    private readonly Queue<Step> _inFlight = new();
    private readonly Dictionary<Guid, Subscription> _subscriptions = [];
    private AttachReply?[] _attached = [];
    private readonly Queue<StepBatch> _rebuild = new();
    private HashSet<long>? _known;
    private bool _rebuildThrew;
    private Guid _migration;
    private int _nextStep;
    private int _firstOfRun;
    private bool _anyCompleted;
    private bool _epochCompleted;
    private int _timeouts;
    private CoordinatorTimer? _stepTimer;
    private CoordinatorTimer? _placeTimer;
    private string? _noPlace;
    private int _placeTimers;
    private int _sessions;

    /// <summary>A coordinator that has not started.</summary>
    /// <param name="id">The random id of the activation.</param>
    /// <param name="scheduler">The replica's scheduler, used by this coordinator alone; it bounds the steps in flight.</param>
    /// <param name="options">Time limits.</param>
    public CoordinatorProtocol(Guid id, Scheduler scheduler, CoordinatorOptions options)
    {
        _id = id;
        _scheduler = scheduler;
        _options = options;
    }

    /// <summary>Where it stands.</summary>
    public CoordinatorState State { get; private set; }

    /// <summary>The epoch that it raised last; 0 before the first.</summary>
    public long Epoch { get; private set; }

    /// <summary>Whether a client has an open request here, or has not acknowledged all tokens of one that has ended.</summary>
    public bool HasStreams => _subscriptions.Values.Any(subscription => subscription.Buffer.Requests.Count > 0);

    /// <summary>Takes the next command.</summary>
    /// <param name="command">The command.</param>
    /// <returns>False if there is none.</returns>
    public bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out CoordinatorCommand? command) => _commands.TryDequeue(out command);

    /// <summary>Begins.</summary>
    /// <exception cref="InvalidOperationException">It has begun before.</exception>
    public void Start()
    {
        if (State != CoordinatorState.New) throw new InvalidOperationException($"the coordinator is {State}");
        RaiseNow();
    }

    /// <summary>The record has a new epoch, and this coordinator as its owner.</summary>
    /// <param name="epoch">The epoch, higher than any before.</param>
    /// <param name="stages">The number of stages in the record's plan.</param>
    public void EpochRaised(long epoch, int stages)
    {
        if (State != CoordinatorState.Raising) return;
        State = CoordinatorState.Attaching;
        Epoch = epoch;
        _attached = new AttachReply?[stages];
        for (int stage = 0; stage < stages; stage++) _commands.Enqueue(new AttachStage(epoch, stage));
        StartTimer(new CoordinatorTimer(CoordinatorTimerKind.Attach, epoch), _options.AttachTimeout);
    }

    /// <summary>The record belongs to another coordinator that has come after this one.</summary>
    public void EpochLost()
    {
        if (State == CoordinatorState.Raising) Stop();
    }

    /// <summary>The record could not be read or written, or a layer not be loaded; another try is made after a pause.</summary>
    /// <param name="noPlace">
    /// Why layers have no place on the silos that live, if that was it: requests wait for some time, and then end with this reason.
    /// </param>
    public void EpochFailed(string? noPlace = null)
    {
        if (State != CoordinatorState.Raising) return;
        _noPlace = noPlace;
        if (noPlace is not null && _placeTimer is null)
        {
            _placeTimer = new CoordinatorTimer(CoordinatorTimerKind.Place, Epoch, ++_placeTimers);
            StartTimer(_placeTimer.Value, _options.PlacePatience);
        }

        RaiseLater();
    }

    /// <summary>A stage has answered an Attach.</summary>
    /// <param name="epoch">The epoch of the Attach.</param>
    /// <param name="stage">The stage's index in the plan.</param>
    /// <param name="reply">Its answer.</param>
    public void Attached(long epoch, int stage, AttachReply reply)
    {
        if (IsFencedBy(reply.Refusal) || State != CoordinatorState.Attaching || epoch != Epoch) return;
        if (reply.Refusal is not null)
        {
            RaiseLater();
            return;
        }

        _attached[stage] = reply;
        if (Array.TrueForAll(_attached, each => each is not null)) Resume();
    }

    /// <summary>An Attach threw or was not answered: the stage may have followed or not.</summary>
    /// <param name="epoch">The epoch of the Attach.</param>
    /// <param name="stage">The stage's index in the plan.</param>
    public void AttachFailed(long epoch, int stage)
    {
        if (State == CoordinatorState.Attaching && epoch == Epoch && _attached[stage] is null) RaiseLater();
    }

    /// <summary>
    /// A client submits a request, or submits it again; its tokens wait for <see cref="Next"/> of the subscription. A call that
    /// comes late or twice changes nothing.
    /// </summary>
    /// <param name="request">The request, with its submission number and the ids that the client has.</param>
    /// <param name="subscription">The client's subscription.</param>
    /// <returns>The session that will deliver; null if this coordinator serves no more, and the client must submit to the next.</returns>
    /// <exception cref="RequestRefusedException">The request meets a limit.</exception>
    public DeliverySession? Submit(GenerateRequest request, Guid subscription)
    {
        if (State == CoordinatorState.Stopped) return null;
        Subscription to = Open(subscription);
        if (to.Buffer.Contains(request.Id) && to.Buffer.Reopen(request))
        {
            _scheduler.Stop(request.Id, request.Stopped);
        }
        else
        {
            // New here, or it differs from what the client has, and what was delivered is never taken back.
            Cancel(request.Id, request.Submission);
            _scheduler.Add(request);
            to.Buffer.Open(request);
        }

        if (to.Buffer.HasTokens) _commands.Enqueue(new Deliver(subscription));
        Schedule();
        return to.Buffer.Session;
    }

    /// <summary>The client wants no more of a request here.</summary>
    /// <param name="request">The request; unknown ones are ignored.</param>
    /// <param name="submission">
    /// The last submission that this is good for: a client that took its request to another replica may have come back meanwhile.
    /// </param>
    public void Cancel(Guid request, int submission)
    {
        if (_subscriptions.Values.Any(subscription => subscription.Buffer.SubmissionOf(request) > submission)) return;
        _scheduler.Cancel(request);
        foreach (Subscription subscription in _subscriptions.Values) subscription.Buffer.Close(request);
        Schedule();
    }

    /// <summary>
    /// A client asks for tokens. If the answer is a heartbeat, the driver may hold it back for up to 100 ms: at
    /// <see cref="CoordinatorCommand.Deliver"/> it calls again and answers what it gets then.
    /// </summary>
    /// <param name="subscription">The client's subscription; an unknown one is opened.</param>
    /// <param name="ack">The last batch that the client has.</param>
    /// <returns>The answer; a coordinator that serves no more answers with a session that no client knows.</returns>
    public TokenBatch Next(Guid subscription, DeliveryAck ack) =>
        State switch
        {
            CoordinatorState.Stopped => new TokenBatch(default, 0, [], Recovers: true),
            _ when State.Serves() => Open(subscription).Buffer.Next(ack),
            _ => Open(subscription).Buffer.Next(ack) with { Recovers = true },
        };

    /// <summary>The last stage has sampled a step's tokens.</summary>
    /// <param name="epoch">The step's epoch.</param>
    /// <param name="number">Its number.</param>
    /// <param name="tokens">The tokens, in the step's order.</param>
    public void Completed(long epoch, int number, SampledToken[] tokens)
    {
        if (Find(epoch, number) is not { } step) return;
        step.Tokens ??= tokens;
        while (_inFlight.TryPeek(out Step? oldest) && oldest.Tokens is { } sampled)
        {
            _inFlight.Dequeue();
            _anyCompleted = _epochCompleted = true;
            _timeouts = 0;
            foreach (TokenEvent token in _scheduler.Complete(oldest.Batch.Number, sampled)) Hand(token);
        }

        Announce();
        Schedule();
        FinishIfDrained();
    }

    /// <summary>
    /// A step's call has returned from all stages. The last stage returns only when its call of <see cref="Completed"/> has
    /// returned, so if the tokens are not here they are lost. A step that rebuilds caches has none.
    /// </summary>
    /// <param name="epoch">The step's epoch.</param>
    /// <param name="number">Its number.</param>
    public void StepReturned(long epoch, int number)
    {
        if (Find(epoch, number) is not { Tokens: null } step) return;
        if (step.Batch.Rebuild is null)
        {
            Recover();
            return;
        }

        step.Tokens = [];
        while (_inFlight.TryPeek(out Step? oldest) && oldest.Tokens is not null) _inFlight.Dequeue();
        (_epochCompleted, _timeouts) = (true, 0);
        GoOnRebuilding();
    }

    /// <summary>
    /// A step's call threw. Whether and where the step runs or ran is unknown, except when its tokens have come: then it has run
    /// everywhere and the failure means nothing.
    /// </summary>
    /// <param name="epoch">The step's epoch.</param>
    /// <param name="number">Its number.</param>
    /// <param name="refusal">A stage's refusal, where that was the reason.</param>
    public void StepFailed(long epoch, int number, StageRefusal? refusal)
    {
        if (IsFencedBy(refusal) || Find(epoch, number) is not { Tokens: null }) return;
        if (refusal is not { Reason: RefusalReason.Threw })
        {
            Recover();
            return;
        }

        // What was computed before says nothing against its sequences. They are computed once more as if they were new, and there they are suspects.
        if (State == CoordinatorState.Rebuilding) _rebuildThrew = true;
        else foreach (TokenEvent end in _scheduler.Fail(number)) Hand(end);
        Announce();

        // Without a pause: the bound on a request's attempts keeps a failure that stays from spinning.
        RaiseNow();
    }

    /// <summary>A silo of the plan is gone, so that calls to it end late or never, or is to go: its layers must be placed anew.</summary>
    public void Replan()
    {
        if (HasSteps || State == CoordinatorState.Attaching) RaiseNow();
    }

    /// <summary>
    /// Parts of the replica have been copied to other silos, all but what the steps still change: the steps in flight are to end, and
    /// then the copies are finished. Either <see cref="CoordinatorCommand.FinishCopies"/> follows or <see cref="CoordinatorCommand.GiveUpMigration"/>.
    /// </summary>
    /// <param name="migration">The random id of the migration.</param>
    /// <param name="epoch">The epoch under which the copies were begun.</param>
    public void Migrate(Guid migration, long epoch)
    {
        if (State != CoordinatorState.Running || epoch != Epoch)
        {
            _commands.Enqueue(new GiveUpMigration(migration));
            return;
        }

        State = CoordinatorState.Draining;
        _migration = migration;
        FinishIfDrained();
    }

    /// <summary>The copies are finished: from now on they may stand for the parts that they were made of.</summary>
    /// <param name="migration">The migration.</param>
    /// <param name="copies">The incarnation of each copy by that of the part.</param>
    public void Copied(Guid migration, IReadOnlyDictionary<long, long> copies)
    {
        if (State != CoordinatorState.Draining || migration != _migration) return;

        // Until stages attach nothing runs, so whichever of the two is in the record's plan then, it is whole.
        foreach ((long before, long copy) in copies)
        {
            if (_known!.Contains(before)) _known.Add(copy);
        }

        _migration = default;
        LeaveRunning();
        _commands.Enqueue(new RaiseEpoch(migration));
    }

    /// <summary>A copy could not be finished: serving goes on where the parts are.</summary>
    /// <param name="migration">The migration.</param>
    public void CopyFailed(Guid migration)
    {
        if (State != CoordinatorState.Draining || migration != _migration) return;
        State = CoordinatorState.Running;
        EndMigration();
        Schedule();
    }

    /// <summary>A timer has elapsed.</summary>
    /// <param name="timer">The timer.</param>
    public void TimerElapsed(CoordinatorTimer timer)
    {
        switch (timer.Kind)
        {
            case CoordinatorTimerKind.Retry when State == CoordinatorState.Raising:
                _commands.Enqueue(new RaiseEpoch(null));
                break;
            case CoordinatorTimerKind.Place when timer == _placeTimer:
                _placeTimer = null;
                if (_noPlace is not { } reason) break;
                foreach (TokenEvent end in _scheduler.FailAll(reason)) Hand(end);
                Announce();
                break;
            case CoordinatorTimerKind.Copy:
                CopyFailed(timer.Subject);
                break;
            case CoordinatorTimerKind.Attach when State == CoordinatorState.Attaching && timer.Epoch == Epoch:
                RaiseNow();
                break;
            case CoordinatorTimerKind.Step when timer == _stepTimer:
                _stepTimer = null;
                if (Find(timer.Epoch, timer.Number) is null)
                {
                    WatchSteps();
                    break;
                }

                _timeouts++;
                RaiseNow();
                break;
            case CoordinatorTimerKind.Subscription when _subscriptions.TryGetValue(timer.Subject, out Subscription? subscription):
                if (subscription.WasHeard) Watch(timer.Subject, subscription);
                else Drop(timer.Subject, subscription);
                break;
        }
    }

    private void Resume()
    {
        (_nextStep, _firstOfRun) = (0, 0);
        _epochCompleted = false;
        (_placeTimer, _noPlace) = (null, null);
        State = CoordinatorState.Rebuilding;
        if (_known is null)
        {
            _scheduler.AdoptCache(BlocksOfAllStages());
            _known = [.. Incarnations];
        }

        // What a part was copied from, or into, counts no more: steps run without it now.
        _known.IntersectWith(Incarnations);
        IReadOnlyList<StageRange> lost = RebuildPlan.Of(_attached!, _known, _scheduler.LiveBlocks);
        if (_rebuildThrew) _scheduler.ForgetCache();
        _rebuildThrew = false;
        foreach (StageRange range in lost)
        {
            foreach (StepBatch batch in _scheduler.Rebuild(Epoch, _nextStep, range))
            {
                _rebuild.Enqueue(batch);
                _nextStep++;
            }
        }

        GoOnRebuilding();
    }

    /// <summary>Sends steps that rebuild caches, one more at a time than there are stages, so that the next is on its way while each computes.</summary>
    private void GoOnRebuilding()
    {
        while (_inFlight.Count <= _attached.Length && _rebuild.TryDequeue(out StepBatch? batch))
        {
            _inFlight.Enqueue(new Step(batch));
            _commands.Enqueue(new ExecuteStep(batch));
        }

        if (_inFlight.Count == 0)
        {
            _known!.UnionWith(Incarnations);
            _firstOfRun = _nextStep;
            State = CoordinatorState.Running;
        }

        Schedule();
    }

    private IEnumerable<long> Incarnations => _attached.SelectMany(reply => reply!.Incarnations);

    /// <summary>The full blocks that every stage holds, under the same hash.</summary>
    private IEnumerable<(int Block, BlockHash Hash)> BlocksOfAllStages()
    {
        IEnumerable<BlockFill> common = _attached[0]!.Blocks;
        foreach (AttachReply? reply in _attached.Skip(1)) common = common.Intersect(reply!.Blocks);
        return common.Select(fill => (fill.Block, fill.Hash)).OrderBy(block => block.Block);
    }

    private void Schedule()
    {
        while (State == CoordinatorState.Running && _scheduler.Schedule(Epoch, _nextStep) is { } batch)
        {
            _nextStep++;
            StepBatch step = batch with { FirstOfRun = _firstOfRun };
            _inFlight.Enqueue(new Step(step));
            _commands.Enqueue(new ExecuteStep(step));
        }

        WatchSteps();
    }

    /// <summary>One timer runs while steps are in flight, for the step that was the oldest when it was started.</summary>
    private void WatchSteps()
    {
        if (_stepTimer is not null || !_inFlight.TryPeek(out Step? oldest)) return;
        var timer = new CoordinatorTimer(CoordinatorTimerKind.Step, Epoch, oldest.Batch.Number);
        _stepTimer = timer;
        TimeSpan due = _anyCompleted ? _options.StepTimeout(oldest.Batch) : _options.FirstStepTimeout;
        StartTimer(timer, due * (1 << Math.Min(_timeouts, MostDoublings)));
    }

    private void Hand(TokenEvent token)
    {
        foreach (Subscription subscription in _subscriptions.Values)
        {
            if (!subscription.Buffer.Contains(token.Sequence.Request)) continue;
            subscription.Buffer.Add(token);
            subscription.HasNews = true;
        }
    }

    /// <summary>Tells the subscriptions for which there is something new.</summary>
    private void Announce()
    {
        foreach ((Guid id, Subscription subscription) in _subscriptions)
        {
            if (subscription.HasNews) _commands.Enqueue(new Deliver(id));
            subscription.HasNews = false;
        }
    }

    private bool HasSteps => State.Serves() || State == CoordinatorState.Rebuilding;

    private Step? Find(long epoch, int number)
    {
        if (!HasSteps || epoch != Epoch) return null;
        foreach (Step step in _inFlight)
        {
            if (step.Batch.Number == number) return step;
        }

        return null;
    }

    private bool IsFencedBy(StageRefusal? refusal)
    {
        if (refusal is null || refusal.Epoch <= Epoch) return false;
        Stop();
        return true;
    }

    /// <summary>At once; after a pause where this epoch has brought nothing, so that a failure that stays does not spin.</summary>
    private void Recover()
    {
        if (_epochCompleted) RaiseNow();
        else RaiseLater();
    }

    private void RaiseNow()
    {
        LeaveRunning();
        _commands.Enqueue(new RaiseEpoch(null));
    }

    private void RaiseLater()
    {
        LeaveRunning();
        StartTimer(new CoordinatorTimer(CoordinatorTimerKind.Retry, Epoch), _options.RetryDelay);
    }

    private void FinishIfDrained()
    {
        if (State != CoordinatorState.Draining || _inFlight.Count > 0) return;
        _commands.Enqueue(new FinishCopies(_migration, Epoch, _scheduler.LiveBlocks));
        StartTimer(new CoordinatorTimer(CoordinatorTimerKind.Copy, Epoch, Subject: _migration), _options.CopyTimeout);
    }

    private void EndMigration()
    {
        if (_migration != default) _commands.Enqueue(new GiveUpMigration(_migration));
        _migration = default;
    }

    private void LeaveRunning()
    {
        State = CoordinatorState.Raising;
        EndMigration();
        _stepTimer = null;
        _inFlight.Clear();
        _rebuild.Clear();
        _scheduler.Reset();
    }

    private void Stop()
    {
        if (State == CoordinatorState.Stopped) return;
        State = CoordinatorState.Stopped;
        EndMigration();
        _inFlight.Clear();
        _subscriptions.Clear();
        _commands.Enqueue(new StandDown(_options.FencedPause));
    }

    private Subscription Open(Guid id)
    {
        if (!_subscriptions.TryGetValue(id, out Subscription? subscription))
        {
            subscription = new Subscription(new DeliveryBuffer(new DeliverySession(_id, ++_sessions)));
            _subscriptions.Add(id, subscription);
            Watch(id, subscription);
        }

        subscription.WasHeard = true;
        return subscription;
    }

    private void Watch(Guid id, Subscription subscription)
    {
        subscription.WasHeard = false;
        StartTimer(new CoordinatorTimer(CoordinatorTimerKind.Subscription, Subject: id), _options.SubscriptionSilence);
    }

    private void Drop(Guid id, Subscription subscription)
    {
        _subscriptions.Remove(id);
        foreach (Guid request in subscription.Buffer.Requests) _scheduler.Cancel(request);
        Schedule();
    }

    private void StartTimer(CoordinatorTimer timer, TimeSpan due) => _commands.Enqueue(new StartTimer(timer, due));

    private sealed class Step(StepBatch batch)
    {
        public StepBatch Batch { get; } = batch;

        public SampledToken[]? Tokens { get; set; }
    }

    private sealed class Subscription(DeliveryBuffer buffer)
    {
        public DeliveryBuffer Buffer { get; } = buffer;

        public bool WasHeard { get; set; }

        public bool HasNews { get; set; }
    }
}
