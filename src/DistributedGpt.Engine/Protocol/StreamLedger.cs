namespace DistributedGpt.Engine;

/// <summary>
/// The client's end of one request: the durable record of what was delivered, and the judge of what comes in.
/// <para>
/// Roles: the ledger belongs to whoever serves the client (gateway or command line); coordinators come and go. It decides when
/// to submit and which tokens are taken; its driver carries the calls, and pauses a little before it repeats one that failed.
/// </para>
/// <para>
/// Phases: <see cref="StreamState"/>. A submission is abandoned, and the request submitted again under the next number with all
/// ids delivered so far, when its call failed, when the coordinator serves no more, when a token is missing, when no answer came
/// for a while, when the answers come from another session than the one that accepted it, when the request goes to another replica,
/// or when the client stops one of several completions.
/// </para>
/// <para>
/// Invariants: the tokens of a completion are taken at contiguous positions, each once, and only under the latest number; the
/// finish reason is part of the last token. So the client sees one text, whatever was lost, repeated or reordered on the way.
/// </para>
/// <para>
/// Crash case: a coordinator that dies is noticed by silence or by its successor's session; tokens sampled and not delivered are
/// sampled again. The ledger itself dies with the client's connection, and coordinators drop a client that asks no more.
/// </para>
/// </summary>
public sealed class StreamLedger
{
    private readonly GenerateRequest _request;
    private readonly List<int>[] _delivered;
    private readonly FinishReason[] _finish;
    private readonly List<int> _stopped = [];
    private int _submission;
    private DeliverySession _session;

    /// <summary>A ledger before the first submission.</summary>
    /// <param name="request">The request; its submission number and delivered ids are set by the ledger.</param>
    public StreamLedger(GenerateRequest request)
    {
        _request = request;
        _finish = new FinishReason[request.Completions];
        _delivered = new List<int>[request.Completions];
        for (int i = 0; i < _delivered.Length; i++) _delivered[i] = [];
    }

    /// <summary>The request's id.</summary>
    public Guid Request => _request.Id;

    /// <summary>Where the request stands.</summary>
    public StreamState State { get; private set; }

    /// <summary>The latest submission; 0 before the first.</summary>
    public int Submission => _submission;

    /// <summary>The ids delivered for a completion, in order.</summary>
    /// <param name="completion">Its index.</param>
    public IReadOnlyList<int> Delivered(int completion) => _delivered[completion];

    /// <summary>Why a completion ended.</summary>
    /// <param name="completion">Its index.</param>
    public FinishReason Finish(int completion) => _finish[completion];

    /// <summary>Begins the next submission.</summary>
    /// <returns>What to submit.</returns>
    /// <exception cref="InvalidOperationException">The state is not <see cref="StreamState.NeedsSubmit"/>.</exception>
    public GenerateRequest Submit()
    {
        if (State != StreamState.NeedsSubmit) throw new InvalidOperationException($"request {Request} is {State} and needs no submission");
        State = StreamState.Submitting;
        return _request with
        {
            Submission = ++_submission,
            Delivered = [.. _delivered.Select(ids => ids.ToArray())],
            Stopped = [.. _stopped],
        };
    }

    /// <summary>
    /// A completion has ended for the client, at a stop string: its further tokens are not taken, and the next submission says so,
    /// that they are not computed either.
    /// </summary>
    /// <param name="completion">Its index; nothing happens where it has ended.</param>
    public void Stop(int completion)
    {
        if (_finish[completion] != FinishReason.None) return;
        _finish[completion] = FinishReason.Stop;
        _stopped.Add(completion);
        if (!_finish.Contains(FinishReason.None)) State = StreamState.Finished;
        else if (State is StreamState.Submitting or StreamState.Streaming) State = StreamState.NeedsSubmit;
    }

    /// <summary>A coordinator has answered a submission.</summary>
    /// <param name="submission">Its number; an older one changes nothing.</param>
    /// <param name="session">The session that will deliver its tokens; null if that coordinator serves no more.</param>
    public void Submitted(int submission, DeliverySession? session)
    {
        if (State != StreamState.Submitting || submission != _submission) return;
        _session = session.GetValueOrDefault();
        State = session is null ? StreamState.NeedsSubmit : StreamState.Streaming;
    }

    /// <summary>A coordinator has refused the request for good (<see cref="RequestRefusedException"/>).</summary>
    /// <param name="submission">The number of the submission; an older one changes nothing.</param>
    public void Refused(int submission)
    {
        if (State == StreamState.Submitting && submission == _submission) State = StreamState.Refused;
    }

    /// <summary>A submission's call failed or was not answered in time; whether it was received is unknown.</summary>
    /// <param name="submission">Its number; an older one changes nothing.</param>
    public void SubmitFailed(int submission)
    {
        if (State == StreamState.Submitting && submission == _submission) State = StreamState.NeedsSubmit;
    }

    /// <summary>A batch or heartbeat came from a coordinator.</summary>
    /// <param name="session">Its session: if it is not the one that accepted the submission, the request was forgotten.</param>
    public void Heard(DeliverySession session)
    {
        if (State == StreamState.Streaming && session != _session) State = StreamState.NeedsSubmit;
    }

    /// <summary>The coordinator has not answered for a while (400 ms).</summary>
    public void Silent()
    {
        if (State == StreamState.Streaming) State = StreamState.NeedsSubmit;
    }

    /// <summary>The request goes to another coordinator, whatever the last one may still answer.</summary>
    public void Leave()
    {
        if (State is StreamState.Submitting or StreamState.Streaming) State = StreamState.NeedsSubmit;
    }

    /// <summary>A token came in.</summary>
    /// <param name="entry">The token, of this request.</param>
    /// <returns>What to do with it.</returns>
    public LedgerVerdict Accept(TokenEntry entry)
    {
        if (entry.Submission != _submission) return LedgerVerdict.Stale;
        TokenEvent token = entry.Token;
        int completion = token.Sequence.Completion, index = token.Position - _request.PromptIds.Length;
        List<int> ids = _delivered[completion];
        if (index < ids.Count || _finish[completion] != FinishReason.None) return LedgerVerdict.Duplicate;
        if (index > ids.Count)
        {
            State = StreamState.NeedsSubmit;
            return LedgerVerdict.Gap;
        }

        if (token.FinishReason != FinishReason.Error) ids.Add(token.Id);
        _finish[completion] = token.FinishReason;
        if (!_finish.Contains(FinishReason.None)) State = StreamState.Finished;
        return LedgerVerdict.Accepted;
    }
}
