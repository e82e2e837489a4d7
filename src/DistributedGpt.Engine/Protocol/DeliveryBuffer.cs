namespace DistributedGpt.Engine;

/// <summary>
/// The coordinator's end of one subscription: the tokens of its requests wait here until the client has them.
/// <para>
/// Roles: the coordinator adds tokens as they are sampled, the client pulls: <c>Next(ack)</c> names the last batch that it has
/// received. The client is the durable holder of a stream; what lies here can always be sampled again.
/// </para>
/// <para>
/// Phases of a request: open; ended, when every completion has its finish reason; forgotten, when the client has acknowledged
/// the batch with the last of them, or when it is closed (cancelled).
/// </para>
/// <para>
/// Invariants: at most one batch is unacknowledged, and it is answered again, unchanged, until it is acknowledged: a lost answer
/// loses nothing, and a call that comes late or twice does no harm. The tokens of a completion are handed out in order, each
/// once per submission. A new submission starts after the tokens that it names as delivered. The buffer is bounded by the
/// requests' own limits of tokens: nobody waits for the client.
/// </para>
/// <para>
/// Crash case: the buffer dies with its coordinator. The next coordinator's buffer has another session; the client sees that in
/// the first answer and submits its requests again, with the ids that it has.
/// </para>
/// </summary>
public sealed class DeliveryBuffer
{
    /// <summary>The most tokens in one batch, so that a message stays small whatever has piled up.</summary>
    public const int MaxBatch = 1024;

    private readonly Dictionary<Guid, RequestStream> _streams = [];
    private TokenBatch? _unacknowledged;
    private long _acknowledged;

    /// <summary>An empty buffer.</summary>
    /// <param name="session">Names it for its whole life.</param>
    public DeliveryBuffer(DeliverySession session) => Session = session;

    /// <summary>The name of this buffer, which every batch carries.</summary>
    public DeliverySession Session { get; }

    /// <summary>Whether <see cref="Next"/> has tokens to answer with, in the light of the acknowledgements so far.</summary>
    public bool HasTokens => _unacknowledged is not null || _streams.Values.Any(stream => stream.HasUnsent);

    /// <summary>The requests that are open or not wholly acknowledged.</summary>
    public IReadOnlyCollection<Guid> Requests => _streams.Keys;

    /// <summary>Whether the request is known here.</summary>
    /// <param name="request">The request.</param>
    public bool Contains(Guid request) => _streams.ContainsKey(request);

    /// <summary>The latest submission of a request; 0 where it is not known here.</summary>
    /// <param name="request">The request.</param>
    public int SubmissionOf(Guid request) => _streams.TryGetValue(request, out RequestStream? stream) ? stream.Submission : 0;

    /// <summary>Starts the stream of a request that is not known here.</summary>
    /// <param name="request">The request, with the ids that the client has.</param>
    /// <exception cref="ArgumentException">The request is open already.</exception>
    public void Open(GenerateRequest request) => _streams.Add(request.Id, new RequestStream(request));

    /// <summary>
    /// The client submitted a known request again: its tokens are handed out from where the client stands, under the new number.
    /// A submission that is not newer than the last one came late and changes nothing.
    /// </summary>
    /// <param name="request">The submission.</param>
    /// <returns>False if the client has other tokens than were sampled here: the request must be closed and begun anew from the client's.</returns>
    public bool Reopen(GenerateRequest request) => _streams[request.Id].Reopen(request);

    /// <summary>A token was sampled. Tokens of requests that are not known here are dropped.</summary>
    /// <param name="token">The token, the next of its completion.</param>
    public void Add(TokenEvent token)
    {
        if (_streams.TryGetValue(token.Sequence.Request, out RequestStream? stream)) stream.Add(token);
    }

    /// <summary>Forgets a request.</summary>
    /// <param name="request">The request; unknown ones are ignored.</param>
    public void Close(Guid request) => _streams.Remove(request);

    /// <summary>The client asks for the next batch.</summary>
    /// <param name="ack">The last batch that it has.</param>
    /// <returns>The unacknowledged batch again, or the next one, or a heartbeat without entries.</returns>
    public TokenBatch Next(DeliveryAck ack)
    {
        if (_unacknowledged is { } sent && ack == new DeliveryAck(Session, sent.Number)) Acknowledge(sent);
        if (_unacknowledged is not null) return _unacknowledged;

        List<TokenEntry> entries = [];
        foreach (RequestStream stream in _streams.Values)
        {
            stream.Take(entries, MaxBatch);
            if (entries.Count == MaxBatch) break;
        }

        if (entries.Count == 0) return new TokenBatch(Session, _acknowledged, []);
        return _unacknowledged = new TokenBatch(Session, _acknowledged + 1, [.. entries]);
    }

    private void Acknowledge(TokenBatch batch)
    {
        _acknowledged = batch.Number;
        _unacknowledged = null;
        foreach (TokenEntry entry in batch.Entries)
        {
            Guid request = entry.Token.Sequence.Request;
            if (entry.Token.FinishReason == FinishReason.None || !_streams.TryGetValue(request, out RequestStream? stream)) continue;
            if (entry.Submission == stream.Submission && stream.HasEnded && !stream.HasUnsent) _streams.Remove(request);
        }
    }
}
