using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace DistributedGpt.Transformer;

/// <summary>
/// A fork-join team: the caller and <c>Threads - 1</c> persistent threads share the items of one piece of work at a time.
/// <para>
/// <see cref="Run{TWork}"/> publishes the work under a new generation and takes items like everybody else. A worker enters the open
/// generation, takes items from a common counter until none is left, and leaves. When the caller finds no more items it closes the
/// generation and waits only for workers that are inside: one that is still asleep costs nothing but its help, and finds the
/// generation closed when it comes. Whoever waits spins for about 20 us, which bridges the gap between two products, and then
/// sleeps, so that an idle team takes nothing from its neighbours.
/// </para>
/// <para>
/// Which thread does which item is left to chance; items must not depend on it. One thread at a time may call. An exception in an item
/// ends the work (remaining items are dropped) and is thrown to the caller once all threads have left.
/// </para>
/// </summary>
internal sealed unsafe class WorkerTeam : IDisposable
{
    // _state holds: generation << 16 | open bit | workers inside. One word, so that entering and closing exclude each other.
    private const long Open = 1 << 15;
    private const long Inside = Open - 1;
    private const int GenerationShift = 16;
    private static readonly long SpinTicks = Math.Max(1, Stopwatch.Frequency / 50_000);

    private readonly Thread[] _threads;
    private readonly AutoResetEvent[] _wake;
    private readonly int[] _asleep;
    private readonly AutoResetEvent _left = new(false);
    private PaddedCounter _next;
    private long _state;
    private int _callerAsleep;
    private volatile bool _stop;
    private delegate* managed<void*, int, int, void> _run;
    private void* _work;
    private int _items;
    private Exception? _failure;

    /// <summary>Starts the team.</summary>
    /// <param name="threads">Number of threads, the caller included; 1 to 1024.</param>
    /// <param name="cores">Those that its own threads are bound to, from the second on, in turn; null: none.</param>
    public WorkerTeam(int threads, IReadOnlyList<int>? cores = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, 1024);
        Threads = threads;
        _threads = new Thread[threads - 1];
        _wake = new AutoResetEvent[threads - 1];
        _asleep = new int[threads - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i + 1;
            _wake[i] = new AutoResetEvent(false);
            _threads[i] = new Thread(() =>
            {
                if (cores is not null) CpuCores.Bind(cores[worker % cores.Count]);
                Serve(worker);
            })
            {
                IsBackground = true,
                Name = $"compute worker {worker}",
                Priority = ThreadPriority.BelowNormal,
            };
            _threads[i].Start();
        }
    }

    /// <summary>Number of threads, the caller included.</summary>
    public int Threads { get; }

    /// <summary>Does items 0 to <paramref name="items"/> - 1 of <paramref name="work"/>; returns when all are done.</summary>
    /// <remarks><paramref name="work"/> is used where it stands: pass a local variable.</remarks>
    public void Run<TWork>(int items, ref TWork work)
        where TWork : unmanaged, IWork
    {
        fixed (TWork* pointer = &work)
        {
            if (items <= 1 || _threads.Length == 0)
            {
                for (int item = 0; item < items; item++) pointer->Run(item, 0);
                return;
            }

            Publish(items, pointer, &Invoke<TWork>);
            TakeItems(0);
            Join();
        }

        if (_failure is { } failure)
        {
            _failure = null;
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <summary>Ends the threads.</summary>
    public void Dispose()
    {
        if (_stop) return;
        _stop = true;
        foreach (AutoResetEvent wake in _wake) wake.Set();
        foreach (Thread thread in _threads) thread.Join();
        foreach (AutoResetEvent wake in _wake) wake.Dispose();
        _left.Dispose();
    }

    private static void Invoke<TWork>(void* work, int item, int worker)
        where TWork : unmanaged, IWork => ((TWork*)work)->Run(item, worker);

    private void Publish(int items, void* work, delegate* managed<void*, int, int, void> run)
    {
        ObjectDisposedException.ThrowIf(_stop, this);
        _items = items;
        _work = work;
        _run = run;
        Volatile.Write(ref _next.Value, 0);
        long generation = (Volatile.Read(ref _state) >> GenerationShift) + 1;
        Interlocked.Exchange(ref _state, (generation << GenerationShift) | Open);
        for (int i = 0; i < _asleep.Length; i++)
        {
            if (Volatile.Read(ref _asleep[i]) != 0 && Interlocked.Exchange(ref _asleep[i], 0) != 0) _wake[i].Set();
        }
    }

    private void TakeItems(int worker)
    {
        try
        {
            for (int item = Interlocked.Increment(ref _next.Value) - 1; item < _items; item = Interlocked.Increment(ref _next.Value) - 1)
            {
                _run(_work, item, worker);
            }
        }
        catch (Exception failure)
        {
            Interlocked.CompareExchange(ref _failure, failure, null);
            Volatile.Write(ref _next.Value, int.MaxValue / 2);
        }
    }

    private void Join()
    {
        if ((Interlocked.And(ref _state, ~Open) & Inside) == 0) return;
        for (long end = Stopwatch.GetTimestamp() + SpinTicks; Stopwatch.GetTimestamp() < end; Thread.SpinWait(1))
        {
            if ((Volatile.Read(ref _state) & Inside) == 0) return;
        }

        while (true)
        {
            Interlocked.Exchange(ref _callerAsleep, 1);
            if ((Volatile.Read(ref _state) & Inside) == 0) break;
            _left.WaitOne();
        }

        // A worker that saw the flag sets the event; if the flag is gone, that is on its way and must not be left for the next wait.
        if (Interlocked.Exchange(ref _callerAsleep, 0) == 0) _left.WaitOne();
    }

    private void Serve(int worker)
    {
        long served = 0;
        while (!_stop)
        {
            long state = WaitForGeneration(served, worker - 1);
            if (_stop) return;
            served = state >> GenerationShift;
            while ((state & Open) != 0 && state >> GenerationShift == served)
            {
                long seen = Interlocked.CompareExchange(ref _state, state + 1, state);
                if (seen == state)
                {
                    TakeItems(worker);
                    if ((Interlocked.Decrement(ref _state) & (Inside | Open)) == 0
                        && Volatile.Read(ref _callerAsleep) != 0
                        && Interlocked.Exchange(ref _callerAsleep, 0) != 0)
                    {
                        _left.Set();
                    }

                    break;
                }

                state = seen;
            }
        }
    }

    private long WaitForGeneration(long served, int index)
    {
        for (long end = Stopwatch.GetTimestamp() + SpinTicks; Stopwatch.GetTimestamp() < end; Thread.SpinWait(1))
        {
            long state = Volatile.Read(ref _state);
            if (state >> GenerationShift != served) return state;
        }

        while (true)
        {
            Interlocked.Exchange(ref _asleep[index], 1);
            long state = Volatile.Read(ref _state);
            if (state >> GenerationShift != served || _stop)
            {
                // As in Join: take the event of a caller that has seen the flag, or the next sleep would end at once.
                if (Interlocked.Exchange(ref _asleep[index], 0) == 0 && !_stop) _wake[index].WaitOne();
                return state;
            }

            _wake[index].WaitOne();
            Interlocked.Exchange(ref _asleep[index], 0);
            state = Volatile.Read(ref _state);
            if (state >> GenerationShift != served || _stop) return state;
        }
    }

    /// <summary>A counter with a cache line to itself.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct PaddedCounter
    {
        [FieldOffset(64)]
        public int Value;
    }
}
