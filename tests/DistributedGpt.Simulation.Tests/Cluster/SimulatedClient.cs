namespace DistributedGpt.Simulation.Tests;

/// <summary>A client of the cluster with one subscription: it submits, pulls, and keeps what was delivered.</summary>
internal sealed class SimulatedClient
{
    private const double PollEvery = 10, SilentAfter = 60, NextTimeout = 150, SubmitTimeout = 100;

    private readonly Simulation _simulation;
    private readonly SimulationCase _case;
    private readonly StreamSubscription _subscription;
    private readonly Dictionary<Guid, StreamLedger> _ledgers = [];
    private readonly Dictionary<Guid, int> _submissions = [];
    private readonly Dictionary<SequenceId, List<TokenEvent>> _received = [];
    private readonly HashSet<Guid> _cancelled = [];
    private readonly HashSet<Guid> _givenUp = [];
    private readonly HashSet<SequenceId> _stopped = [];
    private SimulatedCoordinator? _coordinator;
    private double _lastAnswer;
    private double _pausedUntil;
    private DeliverySession _session;
    private bool _asking;
    private bool _polling;

    public SimulatedClient(Simulation simulation, Guid subscription)
    {
        _simulation = simulation;
        _case = simulation.Case;
        _subscription = new StreamSubscription(subscription);
    }

    /// <summary>Requests that have come and are neither finished nor cancelled.</summary>
    public int Open => _subscription.Count;

    public bool WasCancelled(Guid request) => _cancelled.Contains(request);

    /// <summary>The cluster ended the request with an error.</summary>
    public bool WasGivenUp(Guid request) => _givenUp.Contains(request);

    /// <summary>The reader met a stop string.</summary>
    public bool WasStopped(SequenceId sequence) => _stopped.Contains(sequence);

    public StreamLedger? Ledger(Guid request) => _ledgers.GetValueOrDefault(request);

    /// <summary>The tokens that a completion's reader has seen.</summary>
    public IReadOnlyList<TokenEvent> Received(SequenceId sequence) => _received.GetValueOrDefault(sequence) ?? [];

    public void Begin(GenerateRequest request)
    {
        if (_cancelled.Contains(request.Id)) return;
        var ledger = new StreamLedger(request);
        _ledgers.Add(request.Id, ledger);
        _subscription.Add(ledger);
        if (_polling) return;
        _polling = true;
        _lastAnswer = _simulation.Time.Now;
        Poll();
    }

    public void Cancel(Guid request)
    {
        if (!_ledgers.TryGetValue(request, out StreamLedger? ledger) || ledger.State == StreamState.Finished) return;
        _simulation.Counts.Cancelled++;
        _cancelled.Add(request);
        _subscription.Remove(request);
        SendCancel(request);
    }

    /// <summary>The reader wants no more of a completion that goes on.</summary>
    public void Stop(SequenceId sequence)
    {
        if (_subscription.Find(sequence.Request) is not { } ledger || ledger.Finish(sequence.Completion) != FinishReason.None) return;
        _simulation.Counts.Stopped++;
        _stopped.Add(sequence);
        ledger.Stop(sequence.Completion);
        if (ledger.State != StreamState.Finished) return;
        _subscription.Remove(sequence.Request);
        SendCancel(sequence.Request);
    }

    /// <summary>The process ends; nobody reads its requests any more.</summary>
    public void Vanish()
    {
        foreach (GenerateRequest request in _case.Requests.Where(each => _simulation.ClientOf(each.Client) == this).Select(each => each.Request))
        {
            _cancelled.Add(request.Id);
            _subscription.Remove(request.Id);
        }
    }

    /// <summary>The process stands still: it neither hears nor says anything for a while.</summary>
    public void Pause(double duration) => _pausedUntil = _simulation.Time.Now + duration;

    private void Poll()
    {
        if (_subscription.Count == 0)
        {
            _polling = false;
            return;
        }

        double wait = Math.Max(PollEvery, _pausedUntil - _simulation.Time.Now);
        if (_simulation.Time.Now >= _pausedUntil)
        {
            if (_simulation.Time.Now - _lastAnswer >= SilentAfter)
            {
                _subscription.Silent();
                _coordinator = null;
                _lastAnswer = _simulation.Time.Now;
            }

            foreach (StreamLedger ledger in _subscription.Due.ToArray()) Submit(ledger);
            Ask();
        }

        _simulation.Time.After(wait, Poll);
    }

    private void Submit(StreamLedger ledger)
    {
        if (Locate() is not { } coordinator) return;
        GenerateRequest request = ledger.Submit();
        _submissions[request.Id] = request.Submission;
        _simulation.Counts.Submissions++;
        _simulation.Network.Send<DeliverySession?>(
            call => coordinator.Submit(request, _subscription.Id, call),
            session =>
            {
                if (session is null) _coordinator = null;
                ledger.Submitted(request.Submission, _case.Mutation == Mutation.SameSession && _session != default ? _session : session);
            },
            _ =>
            {
                _coordinator = null;
                ledger.SubmitFailed(request.Submission);
            },
            SubmitTimeout);
    }

    private void Ask()
    {
        if (_asking || _subscription.Count == 0 || _simulation.Time.Now < _pausedUntil || Locate() is not { } coordinator) return;
        _asking = true;
        DeliveryAck ack = _subscription.Ack;
        _simulation.Network.Send<TokenBatch>(
            call => coordinator.Next(_subscription.Id, ack, call),
            batch =>
            {
                _asking = false;
                _lastAnswer = _simulation.Time.Now;
                if (batch.Session == default) _coordinator = null;
                Receive(batch);
                Ask();
            },
            _ => _asking = false,
            NextTimeout);
    }

    private void Receive(TokenBatch batch)
    {
        var entries = new List<TokenEntry>();
        var counted = new Dictionary<SequenceId, int>();
        foreach (TokenEntry entry in batch.Entries)
        {
            // Only a token that others follow: those will show the gap.
            if (entry.Token.FinishReason == FinishReason.None && _simulation.Network.Chance(_case.LostTokens)) continue;
            entries.Add(_ledgers.TryGetValue(entry.Token.Sequence.Request, out StreamLedger? ledger) ? Look(entry, ledger, counted) : entry);
        }

        if (_case.Mutation == Mutation.SameSession)
        {
            if (_session == default) _session = batch.Session;
            batch = batch with { Session = _session };
        }

        var accepted = new List<TokenEvent>();
        var strangers = new List<(Guid Request, int Submission)>();
        _subscription.Receive(batch with { Entries = [.. entries] }, accepted, strangers);
        foreach (TokenEvent token in accepted)
        {
            if (token.FinishReason == FinishReason.Error)
            {
                GiveUp(token.Sequence.Request);
                continue;
            }

            if (_stopped.Contains(token.Sequence)) throw new SimulationFailure($"{token.Sequence}: a token came after the stop");
            if (!_received.TryGetValue(token.Sequence, out List<TokenEvent>? tokens)) _received.Add(token.Sequence, tokens = []);
            tokens.Add(token);
        }

        foreach ((Guid request, int submission) in strangers) SendCancel(request, submission);
    }

    private void GiveUp(Guid request)
    {
        if (!_givenUp.Add(request)) return;
        _subscription.Remove(request);
        SendCancel(request);
    }

    /// <summary>Counts what is remarkable about a token, and changes it where a rule is to be broken.</summary>
    private TokenEntry Look(TokenEntry entry, StreamLedger ledger, Dictionary<SequenceId, int> counted)
    {
        TokenEvent token = entry.Token;
        int expected = counted.GetValueOrDefault(token.Sequence, _simulation.Request(ledger.Request).PromptIds.Length + ledger.Delivered(token.Sequence.Completion).Count);
        if (entry.Submission < _submissions[ledger.Request])
        {
            _simulation.Counts.Stale++;
            return _case.Mutation == Mutation.OldSubmissions ? entry with { Submission = _submissions[ledger.Request] } : entry;
        }

        if (token.Position > expected)
        {
            _simulation.Counts.Gaps++;
            if (_case.Mutation != Mutation.Gaps) return entry;
            token = token with { Position = expected };
        }

        if (token.Position == expected) counted[token.Sequence] = expected + 1;
        return entry with { Token = token };
    }

    private void SendCancel(Guid request) => SendCancel(request, _ledgers[request].Submission);

    private void SendCancel(Guid request, int submission)
    {
        if (Locate() is { } coordinator) _simulation.Network.Send<bool>(call => coordinator.Cancel(request, submission, call), _ => { }, _ => { });
    }

    private SimulatedCoordinator? Locate() => _coordinator ??= _simulation.Locate();
}
