namespace DistributedGpt.Transformer;

/// <summary>The kernels for registers <typeparamref name="V"/>.</summary>
internal sealed class KernelSet<TSimd, V>(string name) : KernelSet
    where TSimd : ISimd<V>
    where V : unmanaged
{
    public override string Name => name;

    public override int PanelRows => 2 * TSimd.Lanes;

    public override void Linear(WorkerTeam team, in LinearOperation operation, bool bFloat16)
    {
        if (bFloat16)
        {
            var work = new LinearWork<TSimd, V, ushort>(operation, team.Threads);
            team.Run(work.Items, ref work);
        }
        else
        {
            var work = new LinearWork<TSimd, V, float>(operation, team.Threads);
            team.Run(work.Items, ref work);
        }
    }

    public override void Norm(WorkerTeam team, in NormOperation operation)
    {
        var work = new NormWork<TSimd, V>(operation);
        team.Run(operation.Rows, ref work);
    }

    public override void WriteCache(WorkerTeam team, in CacheWriteOperation operation, bool bFloat16)
    {
        if (bFloat16)
        {
            var work = new CacheWriteWork<TSimd, V, ushort>(operation);
            team.Run(operation.RowCount, ref work);
        }
        else
        {
            var work = new CacheWriteWork<TSimd, V, float>(operation);
            team.Run(operation.RowCount, ref work);
        }
    }

    public override void Attend(WorkerTeam team, in AttentionOperation operation, bool bFloat16)
    {
        if (bFloat16)
        {
            var work = new AttentionWork<TSimd, V, ushort>(operation);
            team.Run(work.Items, ref work);
        }
        else
        {
            var work = new AttentionWork<TSimd, V, float>(operation);
            team.Run(work.Items, ref work);
        }
    }
}
