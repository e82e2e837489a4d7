using DistributedGpt.Engine;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cluster;

/// <summary>
/// Parts of a replica on their way to other silos, as the coordinator drives it: the calls to the silos to which they go, and how it
/// ended. When what is to happen, the <see cref="CoordinatorProtocol"/> decides.
/// </summary>
internal sealed class ReplicaMigration
{
    private readonly SiloAgents _agents;
    private readonly ReplicaKey _replica;
    private readonly CopyOrder[] _orders;
    private readonly SiloAddress[] _targets;
    private readonly TaskCompletionSource<string?> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>A migration that has not begun.</summary>
    /// <param name="agents">The silos.</param>
    /// <param name="replica">The replica.</param>
    /// <param name="number">Counts the migrations of this coordinator.</param>
    /// <param name="record">The replica's record.</param>
    /// <param name="planned">The record with the plan to come.</param>
    /// <param name="incarnations">Those of the parts now.</param>
    /// <param name="logger">Is told its parts.</param>
    public ReplicaMigration(
        SiloAgents agents, ReplicaKey replica, int number, ReplicaRecord record, ReplicaRecord planned, IReadOnlyDictionary<PartKey, long> incarnations, ILogger logger)
    {
        (_agents, _replica, Number) = (agents, replica, number);
        Before = record;
        Planned = planned with { Migration = Id };
        Times = new MigrationTimes(replica, record.Epoch, logger);
        IGrouping<SiloAddress, PartMove>[] targets =
        [
            .. incarnations.Keys
                .Where(part => !record.SiloOf(part).Equals(planned.SiloOf(part)))
                .GroupBy(part => planned.SiloOf(part), part => new PartMove(part, record.SiloOf(part), incarnations[part])),
        ];
        _targets = Array.ConvertAll(targets, target => target.Key);
        _orders = Array.ConvertAll(targets, target => new CopyOrder(Id, number, record, [.. target]));
    }

    /// <summary>Its random id.</summary>
    public Guid Id { get; } = Guid.NewGuid();

    /// <summary>Counts the migrations of its coordinator.</summary>
    public int Number { get; }

    /// <summary>The record under which it began.</summary>
    public ReplicaRecord Before { get; }

    /// <summary>The record with the plan to come, but for its epoch.</summary>
    public ReplicaRecord Planned { get; }

    /// <summary>How long what takes.</summary>
    public MigrationTimes Times { get; }

    /// <summary>Null when it was committed and all stages follow; else why it was given up, fit for the user.</summary>
    public Task<string?> Outcome => _outcome.Task;

    /// <summary>Copies weights and full blocks, while the sources serve.</summary>
    /// <returns>Null, or why that cannot be.</returns>
    public async Task<string?> BeginAsync()
    {
        string?[] errors = await Task.WhenAll(_orders.Select((order, i) => _agents[_targets[i]].BeginCopy(order)));
        return Array.Find(errors, error => error is not null);
    }

    /// <summary>Copies the rest. The last time counts, when no step is in flight.</summary>
    /// <returns>The incarnation of each copy by that of the part.</returns>
    public async Task<Dictionary<long, long>> FinishAsync(int[] live)
    {
        CopiedPart[][] copied = await Task.WhenAll(_targets.Select(target => _agents[target].FinishCopy(_replica, Id, live)));
        return copied.SelectMany(parts => parts).ToDictionary(part => part.Before, part => part.Copy);
    }

    /// <summary>It has ended.</summary>
    /// <param name="error">Null, or why it was given up.</param>
    public void End(string? error)
    {
        if (!_outcome.TrySetResult(error)) return;
        Times.Ended(error);
    }
}
