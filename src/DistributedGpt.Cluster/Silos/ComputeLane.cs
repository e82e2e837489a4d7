namespace DistributedGpt.Cluster;

/// <summary>
/// The one thread that computes on a device. Work of all silos and models of the process runs here in the order of its arrival,
/// one piece at a time, so compute never occupies the threads that answer messages and a device is never shared by two forward
/// passes. An urgent piece goes before everything that waits. A piece that throws does not harm the lane: whoever enqueues it
/// handles its own failures.
/// </summary>
public sealed class ComputeLane : IDisposable
{
    private readonly LinkedList<Action> _waiting = [];
    private readonly Thread _thread;
    private bool _stopping;

    /// <summary>Starts the lane.</summary>
    /// <param name="device">The device's name, for the thread's.</param>
    public ComputeLane(string device)
    {
        _thread = new Thread(Run)
        {
            Name = $"lane {device}",
            IsBackground = true,

            // A long prefill must not starve the threads that answer probes.
            Priority = ThreadPriority.BelowNormal,
        };
        _thread.Start();
    }

    /// <summary>How many pieces wait.</summary>
    public int WaitingCount
    {
        get
        {
            lock (_waiting) return _waiting.Count;
        }
    }

    /// <summary>Adds work at the end, or before everything that waits.</summary>
    /// <exception cref="ObjectDisposedException">The lane has stopped.</exception>
    public void Enqueue(Action work, bool urgent = false)
    {
        lock (_waiting)
        {
            ObjectDisposedException.ThrowIf(_stopping, this);
            if (urgent) _waiting.AddFirst(work);
            else _waiting.AddLast(work);
            Monitor.Pulse(_waiting);
        }
    }

    /// <summary>Runs <paramref name="work"/> in the lane and gives its result.</summary>
    public Task<T> RunAsync<T>(Func<T> work, bool urgent = false)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Enqueue(
            () =>
            {
                try
                {
                    result.SetResult(work());
                }
                catch (Exception e)
                {
                    result.SetException(e);
                }
            },
            urgent);
        return result.Task;
    }

    /// <summary>Finishes the piece that runs, drops the rest and ends the thread.</summary>
    public void Dispose()
    {
        lock (_waiting)
        {
            _stopping = true;
            _waiting.Clear();
            Monitor.Pulse(_waiting);
        }

        _thread.Join();
    }

    private void Run()
    {
        while (true)
        {
            Action work;
            lock (_waiting)
            {
                while (_waiting.Count == 0)
                {
                    if (_stopping) return;
                    Monitor.Wait(_waiting);
                }

                work = _waiting.First!.Value;
                _waiting.RemoveFirst();
            }

            work();
        }
    }
}
