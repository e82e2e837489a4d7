namespace DistributedGpt.Transformer.Tests;

public sealed unsafe class WorkerTeamTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Run_ManyTimes_EveryItemOnce(int threads)
    {
        using var team = new WorkerTeam(threads);
        using var counts = new NativeBuffer(64 * sizeof(int));
        for (int round = 0; round < 3000; round++)
        {
            int items = round % 65;
            new Span<int>(counts.Address, 64).Clear();
            var work = new Counting { Counts = (int*)counts.Address };
            team.Run(items, ref work);
            for (int i = 0; i < 64; i++) Assert.Equal(i < items ? 1 : 0, ((int*)counts.Address)[i]);
        }
    }

    [Fact]
    public void Run_ItemsThatWaitForEachOther_RunAtOnce()
    {
        using var team = new WorkerTeam(3);
        int arrived = 0;
        var work = new Meeting { Arrived = &arrived, Expected = 3 };
        team.Run(3, ref work);
        Assert.Equal(3, arrived);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Run_ItemThrows_CallerGetsItAndTheTeamGoesOn(int threads)
    {
        using var team = new WorkerTeam(threads);
        var failing = new Failing { Item = 7 };
        for (int round = 0; round < 50; round++)
        {
            Assert.Equal("item 7", Assert.Throws<InvalidOperationException>(() => team.Run(20, ref failing)).Message);
        }

        using var counts = new NativeBuffer(20 * sizeof(int));
        new Span<int>(counts.Address, 20).Clear();
        var work = new Counting { Counts = (int*)counts.Address };
        team.Run(20, ref work);
        Assert.Equal(Enumerable.Repeat(1, 20), new Span<int>(counts.Address, 20).ToArray());
    }

    [Fact]
    public void Run_AfterDispose_Throws()
    {
        var team = new WorkerTeam(2);
        team.Dispose();
        team.Dispose();
        var failing = new Failing { Item = 99 };
        Assert.Throws<ObjectDisposedException>(() => team.Run(2, ref failing));
    }

    private struct Counting : IWork
    {
        public int* Counts;

        public readonly void Run(int item, int worker) => Interlocked.Increment(ref Counts[item]);
    }

    private struct Meeting : IWork
    {
        public int* Arrived;
        public int Expected;

        public readonly void Run(int item, int worker)
        {
            Interlocked.Increment(ref *Arrived);
            while (Volatile.Read(ref *Arrived) < Expected) Thread.Yield();
        }
    }

    private struct Failing : IWork
    {
        public int Item;

        public readonly void Run(int item, int worker)
        {
            if (item == Item) throw new InvalidOperationException($"item {item}");
        }
    }
}
