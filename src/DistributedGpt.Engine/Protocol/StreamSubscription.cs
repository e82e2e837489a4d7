namespace DistributedGpt.Engine;

/// <summary>
/// The client's end of one subscription: which batch was received last, and the ledgers of all requests at that coordinator. Its
/// driver calls <c>Next</c> with <see cref="Ack"/> again and again, one call at a time, and submits what <see cref="Due"/> lists.
/// </summary>
public sealed class StreamSubscription
{
    private readonly Dictionary<Guid, StreamLedger> _ledgers = [];

    /// <summary>A subscription without requests.</summary>
    /// <param name="id">Names it to the coordinators, for its whole life.</param>
    public StreamSubscription(Guid id) => Id = id;

    /// <summary>Its name.</summary>
    public Guid Id { get; }

    /// <summary>What the next call of <c>Next</c> acknowledges.</summary>
    public DeliveryAck Ack { get; private set; }

    /// <summary>Requests that have neither finished nor been refused or removed.</summary>
    public int Count => _ledgers.Count;

    /// <summary>Whether the request has neither finished nor been refused or removed.</summary>
    /// <param name="request">The request.</param>
    public bool Contains(Guid request) => _ledgers.ContainsKey(request);

    /// <summary>The ledger of a request that has neither finished nor been refused or removed; else null.</summary>
    /// <param name="request">The request.</param>
    public StreamLedger? Find(Guid request) => _ledgers.GetValueOrDefault(request);

    /// <summary>The requests that are to be submitted now.</summary>
    public IEnumerable<StreamLedger> Due => _ledgers.Values.Where(ledger => ledger.State == StreamState.NeedsSubmit);

    /// <summary>Adds a request.</summary>
    /// <param name="ledger">Its ledger.</param>
    public void Add(StreamLedger ledger) => _ledgers.Add(ledger.Request, ledger);

    /// <summary>Removes a request: the client cancelled it, or it was refused.</summary>
    /// <param name="request">The request; unknown ones are ignored.</param>
    public void Remove(Guid request) => _ledgers.Remove(request);

    /// <summary>An answer to <c>Next</c>, which may be a late one.</summary>
    /// <param name="batch">The answer.</param>
    /// <param name="accepted">Receives the tokens to pass on, in order.</param>
    /// <param name="strangers">
    /// Receives requests that nobody waits for here, with their submissions: the driver cancels them at the coordinator.
    /// </param>
    public void Receive(TokenBatch batch, ICollection<TokenEvent> accepted, ICollection<(Guid Request, int Submission)> strangers)
    {
        if (batch.Entries.Length > 0 && (batch.Session != Ack.Session || batch.Number > Ack.Batch))
            Ack = new DeliveryAck(batch.Session, batch.Number);
        foreach (TokenEntry entry in batch.Entries)
        {
            Guid request = entry.Token.Sequence.Request;
            if (!_ledgers.TryGetValue(request, out StreamLedger? ledger))
            {
                if (!strangers.Contains((request, entry.Submission))) strangers.Add((request, entry.Submission));
            }
            else if (ledger.Accept(entry) == LedgerVerdict.Accepted)
            {
                accepted.Add(entry.Token);
            }
        }

        foreach (StreamLedger ledger in _ledgers.Values)
        {
            ledger.Heard(batch.Session);
            if (ledger.State == StreamState.Finished) _ledgers.Remove(ledger.Request);
        }
    }

    /// <summary>No call of <c>Next</c> has been answered for a while (400 ms): every request that was accepted is submitted again.</summary>
    public void Silent()
    {
        foreach (StreamLedger ledger in _ledgers.Values) ledger.Silent();
    }
}
