using System.Diagnostics;
using DistributedGpt.Engine;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster;

/// <summary>
/// The parts of one replica in a silo, the stages that run them with their border logs, and the copies of others that migrations bring here. What is
/// there changes on any thread; everything else happens in the compute lane, so the order of its calls is the order of the lane,
/// which is what <see cref="StageProtocol{TStep}"/> needs.
/// </summary>
internal sealed class ReplicaStore(ComputeDevice device, SiloMemory memory)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<PartKey, LoadedPart> _parts = [];
    private readonly Dictionary<int, StageRun> _stages = [];
    private readonly Dictionary<int, BorderLog> _logs = [];
    private readonly Dictionary<Guid, ReplicaCopy> _copies = [];
    private readonly List<(long Incarnation, BlockFill[] Blocks)> _adopted = [];
    private readonly PlanOrder _order = new();
    private readonly StageProtocol<StageStep> _protocol = new();
    private long _headEpoch;

    /// <summary>Bytes of the parts and border logs.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate) return _parts.Values.Sum(part => part.Bytes) + _logs.Values.Sum(log => log.Bytes);
        }
    }

    /// <summary>The part, or null if it is not here.</summary>
    public LoadedPart? Find(PartKey key)
    {
        lock (_gate) return _parts.GetValueOrDefault(key);
    }

    /// <summary>Adds a part that was loaded.</summary>
    public void Add(LoadedPart part)
    {
        lock (_gate) _parts.Add(part.Key, part);
    }

    /// <summary>Whether no later plan than that of this epoch has been heard of here.</summary>
    public bool MayLoad(long epoch)
    {
        lock (_gate) return _order.MayLoad(epoch);
    }

    /// <summary>
    /// The part as the replica's record wants it here: the copy that its migration has made of it, which becomes the part now, or what
    /// is here; null where it must be loaded.
    /// </summary>
    /// <param name="key">The part.</param>
    /// <param name="epoch">The record's epoch.</param>
    /// <param name="migration">The migration that the record names.</param>
    /// <exception cref="MigrationException">The silo has heard of a later plan.</exception>
    public LoadedPart? Adopt(PartKey key, long epoch, Guid migration)
    {
        lock (_gate)
        {
            if (!_order.MayLoad(epoch)) throw new MigrationException($"{key.Replica}: the plan of epoch {epoch} is not the latest");
            if (!_copies.TryGetValue(migration, out ReplicaCopy? copy) || copy.Take(key) is not var (part, blocks)) return _parts.GetValueOrDefault(key);
            _parts[key] = part;
            _adopted.Add((part.Incarnation, blocks));
            if (!copy.Own.Any()) _copies.Remove(migration);
            return part;
        }
    }

    /// <summary>Begins a copy.</summary>
    /// <returns>Null where a later plan or migration has been heard of.</returns>
    public ReplicaCopy? BeginCopy(CopyOrder order)
    {
        lock (_gate)
        {
            var copy = new ReplicaCopy(order);
            return _order.MayChange(order.Record.Epoch, order.Number) && _copies.TryAdd(order.Migration, copy) ? copy : null;
        }
    }

    /// <summary>A migration's copy; null where it has none here, or it has been discarded.</summary>
    public ReplicaCopy? FindCopy(Guid migration)
    {
        lock (_gate) return _copies.GetValueOrDefault(migration);
    }

    /// <summary>Adds a part to a copy.</summary>
    /// <returns>False where it is no copy any more.</returns>
    public bool TryAdd(ReplicaCopy copy, PartCopy part)
    {
        lock (_gate)
        {
            if (!IsCopy(copy)) return false;
            copy.Add(part);
            return true;
        }
    }

    /// <summary>The full blocks that all of these layers hold, for a copy; null where they are not served under that epoch.</summary>
    public Task<BlockFill[]?> DescribeAsync(long epoch, long[] incarnations, bool urgent) => device.Lane.RunAsync(() =>
    {
        IEnumerable<KeyValuePair<int, BlockHash>>? all = null;
        foreach (long incarnation in incarnations)
        {
            if (_protocol.BlocksOf(epoch, incarnation) is not { } blocks) return null;
            if (!ReferenceEquals(all, blocks)) all = all is null ? blocks : all.Intersect(blocks);
        }

        return all?.Select(block => new BlockFill(block.Key, block.Value)).ToArray();
    }, urgent);

    /// <summary>What these blocks hold; null where a layer is not served under that epoch.</summary>
    public async Task<CachePiece?> ReadAsync(long epoch, CacheBlock[] wanted, bool urgent)
    {
        var hashes = new BlockHash?[wanted.Length];
        byte[]? bytes = await device.Lane.RunAsync(() => Read(epoch, wanted, hashes), urgent);
        return bytes is null ? null : CachePiece.Of(hashes, bytes);
    }

    /// <summary>Writes a piece into a copy.</summary>
    /// <exception cref="MigrationException">It is no copy any more.</exception>
    public Task WriteAsync(ReplicaCopy copy, (PartCopy Part, int Block)[] places, CachePiece piece, bool urgent) => device.Lane.RunAsync(() =>
    {
        lock (_gate)
        {
            if (!IsCopy(copy)) throw new MigrationException("the copy was discarded");
            int at = 0;
            for (int i = 0; i < places.Length; i++)
            {
                (PartCopy part, int block) = places[i];
                int size = part.Layer!.BlockBytes;
                part.Layer.WriteBlock(block, piece.Bytes.AsSpan(at, size));
                part.Cache.Take(block, piece.Hashes[i]);
                at += size;
            }

            return at;
        }
    }, urgent);

    /// <summary>Leaves only what the plan gives to this silo, and the copy of the migration that is under way.</summary>
    /// <param name="silo">This silo.</param>
    /// <param name="record">The replica's record.</param>
    /// <param name="migration">The number of that migration, or of the next one.</param>
    /// <returns>The bytes that what was dropped occupied, once the lane has ended what it runs.</returns>
    public async Task<long> KeepAsync(SiloAddress silo, ReplicaRecord record, int migration)
    {
        List<LoadedPart> dropped;
        List<BorderLog> logs = [];
        lock (_gate)
        {
            if (!_order.MayChange(record.Epoch, migration)) return 0;
            dropped = [.. _parts.Values.Where(part => !record.SiloOf(part.Key).Equals(silo))];
            foreach (LoadedPart part in dropped) _parts.Remove(part.Key);
            int[] borders = [.. record.Plan.Stages.Where(stage => record.SiloOf(stage).Equals(silo)).Select(stage => stage.EndLayer)];
            foreach (int border in _logs.Keys.Except(borders).ToArray())
            {
                if (_logs.Remove(border, out BorderLog? log)) logs.Add(log);
            }

            foreach ((Guid id, ReplicaCopy copy) in _copies.Where(copy => copy.Value.IsBefore(record.Epoch, migration)).ToArray())
            {
                _copies.Remove(id);
                dropped.AddRange(copy.Own);
            }
        }

        return dropped.Count + logs.Count == 0 ? 0 : await DropAsync(dropped, logs);
    }

    /// <summary>The barrier: once the answer is there, no step of an older epoch runs or will run here.</summary>
    /// <param name="spec">The stage, whose parts are loaded or were copied.</param>
    /// <param name="epoch">The epoch.</param>
    /// <param name="migration">The migration that the replica's record names: its copies become parts of the stage.</param>
    /// <exception cref="InvalidOperationException">A part is not here.</exception>
    /// <exception cref="MigrationException">The silo has heard of a later plan.</exception>
    public Task<AttachReply> AttachAsync(StageSpec spec, long epoch, Guid migration) => device.Lane.RunAsync(() => Attach(spec, epoch, migration), urgent: true);

    /// <summary>Runs a step in its stage, in the order of the epoch's steps.</summary>
    public Task<StageOutput> RunAsync(StepMessage message)
    {
        var step = new StageStep(message);
        device.Lane.Enqueue(() => Begin(step));
        return step.Output;
    }

    /// <summary>Drops all parts and border logs. Runs in the lane, or after it has stopped.</summary>
    /// <returns>The bytes that they occupied.</returns>
    public long Release()
    {
        lock (_gate)
        {
            LoadedPart[] all = [.. _parts.Values, .. _copies.Values.SelectMany(copy => copy.Own)];
            foreach (LoadedPart part in all) part.Runtime.Dispose();
            long bytes = all.Sum(part => part.Bytes) + _logs.Values.Sum(log => log.Bytes);
            _parts.Clear();
            _copies.Clear();
            _stages.Clear();
            _logs.Clear();
            return bytes;
        }
    }

    private bool IsCopy(ReplicaCopy copy) => _copies.TryGetValue(copy.Order.Migration, out ReplicaCopy? present) && present == copy;

    private Task<long> DropAsync(IReadOnlyCollection<LoadedPart> parts, IReadOnlyCollection<BorderLog> logs) => device.Lane.RunAsync(() =>
    {
        foreach (BorderLog log in logs) log.Clear();
        foreach (LoadedPart part in parts)
        {
            part.Runtime.Dispose();
            _protocol.Forget(part.Incarnation);
        }

        return parts.Sum(part => part.Bytes) + logs.Sum(log => log.Bytes);
    });

    private byte[]? Read(long epoch, CacheBlock[] wanted, BlockHash?[] hashes)
    {
        var layers = new ILayerRuntime[wanted.Length];
        for (int i = 0; i < wanted.Length; i++)
        {
            CacheBlock block = wanted[i];
            if (_protocol.BlocksOf(epoch, block.Incarnation) is not { } blocks || Find(block.Layer) is not { Runtime: ILayerRuntime layer } part || part.Incarnation != block.Incarnation) return null;
            layers[i] = layer;
            hashes[i] = blocks.TryGetValue(block.Block, out BlockHash hash) ? hash : null;
        }

        byte[] bytes = new byte[layers.Sum(layer => layer.BlockBytes)];
        int at = 0;
        for (int i = 0; i < wanted.Length; i++)
        {
            layers[i].ReadBlock(wanted[i].Block, bytes.AsSpan(at, layers[i].BlockBytes));
            at += layers[i].BlockBytes;
        }

        return bytes;
    }

    private AttachReply Attach(StageSpec spec, long epoch, Guid migration)
    {
        StageRun run;
        lock (_gate)
        {
            if (epoch >= _protocol.Epoch)
            {
                foreach (PartKey part in PartKey.OfStage(spec.Replica, spec.Stage)) Adopt(part, epoch, migration);
            }

            foreach ((long incarnation, BlockFill[] blocks) in _adopted) _protocol.Adopt(incarnation, blocks);
            _adopted.Clear();
            run = new StageRun(spec, _parts, FindLog(spec, epoch));
            if (epoch >= _protocol.Epoch) _stages[spec.Index] = run;
        }

        List<StageStep> dropped = [];
        AttachReply reply = _protocol.Attach(epoch, spec.Index, run.Incarnations, run.Log?.Incarnation, dropped);
        if (reply.Refusal is null && run.Head is { } head && epoch > _headEpoch)
        {
            // An Attach that is repeated within its epoch must not empty the sampler's states in mid-run.
            head.Attach();
            _headEpoch = epoch;
        }

        FailDropped(dropped);
        return reply;
    }

    /// <summary>
    /// The log behind a stage, made when it is first attached; null behind the last one, and where memory is short: then a recovery goes
    /// back one border more.
    /// </summary>
    private BorderLog? FindLog(StageSpec spec, long epoch)
    {
        if (spec.Stage.Head || !_order.MayLoad(epoch)) return null;
        if (_logs.TryGetValue(spec.Stage.EndLayer, out BorderLog? log)) return log;
        log = new BorderLog(spec.KvBlocks, spec.HiddenSize);
        if (!memory.TryReserve(log.Bytes)) return null;
        _logs.Add(spec.Stage.EndLayer, log);
        return log;
    }

    private void Begin(StageStep step)
    {
        StepMessage message = step.Message;
        try
        {
            StageRun? run;
            lock (_gate) run = _stages.GetValueOrDefault(message.Stage)?.Refresh(_parts);
            StageDecision decision = _protocol.Begin(message.Batch, message.Stage, run is null ? [] : run.Incarnations, step);
            switch (decision.Verdict)
            {
                case StageVerdict.Run:
                    Run(step, run!);
                    break;
                case StageVerdict.Resend:
                    step.Complete(run!.Resend(message.Batch));
                    break;
                case StageVerdict.Hold:
                    break;
                case StageVerdict.Refused:
                    step.Complete(new StageOutput(Refusal: decision.Refusal));
                    break;
                default:
                    step.Fail(new InvalidOperationException($"step {message.Batch.Number} came twice to stage {message.Stage}"));
                    break;
            }
        }
        catch (Exception e)
        {
            step.Fail(e);
        }
    }

    private void Run(StageStep step, StageRun run)
    {
        int stage = step.Message.Stage;
        try
        {
            long started = Stopwatch.GetTimestamp();
            StageOutput output;
            using (StepActivity.Start(run.Spec, step.Message, Stopwatch.GetElapsedTime(step.Arrived, started)))
                output = run.Forward(device.Backend, step.Message);
            run.Metrics.Computed(step.Arrived, started, output);
            StageStep? next = _protocol.Finished(stage);
            if (next is not null) device.Lane.Enqueue(() => Begin(next), urgent: true);
            step.Complete(output);
        }
        catch (Exception e)
        {
            List<StageStep> dropped = [];
            _protocol.Failed(stage, dropped);
            step.Complete(new StageOutput(Refusal: new StageRefusal(RefusalReason.Threw, _protocol.Epoch, e.ToString())));
            FailDropped(dropped);
        }
    }

    private void FailDropped(List<StageStep> dropped)
    {
        foreach (StageStep step in dropped) step.Complete(new StageOutput(Refusal: new StageRefusal(RefusalReason.Epoch, _protocol.Epoch)));
    }
}
