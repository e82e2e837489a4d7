namespace DistributedGpt.Transformer;

/// <summary>Work that falls into independent items, done by the threads of a <see cref="WorkerTeam"/>.</summary>
internal interface IWork
{
    /// <summary>Does item <paramref name="item"/> on thread <paramref name="worker"/> (from 0) of the team.</summary>
    void Run(int item, int worker);
}
