using System.Diagnostics;
using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>
/// The parts of one replica in a silo and the stages that run them. Parts are added from any thread; everything else happens in
/// the compute lane, so the order of its calls is the order of the lane, which is what <see cref="StageProtocol{TStep}"/> needs.
/// </summary>
internal sealed class ReplicaStore(ComputeDevice device)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<PartKey, LoadedPart> _parts = [];
    private readonly Dictionary<int, StageRun> _stages = [];
    private readonly StageProtocol<StageStep> _protocol = new();
    private long _headEpoch;

    /// <summary>Bytes of the parts.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate) return _parts.Values.Sum(part => part.Bytes);
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

    /// <summary>The barrier: once the answer is there, no step of an older epoch runs or will run here.</summary>
    public Task<AttachReply> AttachAsync(StageSpec spec, long epoch) => device.Lane.RunAsync(() => Attach(spec, epoch), urgent: true);

    /// <summary>Runs a step in its stage, in the order of the epoch's steps.</summary>
    public Task<StageOutput> RunAsync(StepMessage message)
    {
        var step = new StageStep(message);
        device.Lane.Enqueue(() => Begin(step));
        return step.Output;
    }

    /// <summary>Drops all parts. Runs in the lane, or after it has stopped.</summary>
    /// <returns>The bytes that they occupied.</returns>
    public long Release()
    {
        lock (_gate)
        {
            long bytes = _parts.Values.Sum(part => part.Bytes);
            foreach (LoadedPart part in _parts.Values) part.Runtime.Dispose();
            _parts.Clear();
            _stages.Clear();
            return bytes;
        }
    }

    private AttachReply Attach(StageSpec spec, long epoch)
    {
        StageRun run;
        lock (_gate)
        {
            run = new StageRun(spec, _parts);
            if (epoch >= _protocol.Epoch) _stages[spec.Index] = run;
        }

        List<StageStep> dropped = [];
        AttachReply reply = _protocol.Attach(epoch, spec.Index, run.Incarnations, dropped);
        if (reply.Refusal is null && run.Head is { } head && epoch > _headEpoch)
        {
            // An Attach that is repeated within its epoch must not empty the sampler's states in mid-run.
            head.Attach();
            _headEpoch = epoch;
        }

        FailDropped(dropped);
        return reply;
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
