namespace DistributedGpt.Simulation.Tests;

/// <summary>
/// The layers that a migration copies to a silo. It takes one thing after the other from the sources, each in a call that can
/// break, be lost or bring something else than was sent; what cannot be had ends the phase.
/// </summary>
internal sealed class SimulatedCopy
{
    private const int MostTries = 3;
    private const double Patience = 100;

    private readonly Simulation _simulation;
    private readonly SimulatedSilo _target;
    private readonly SimulatedMigration _migration;
    private readonly (LayerMove Move, FakeLayer Layer, LayerCopy Copy)[] _layers;

    public SimulatedCopy(Simulation simulation, SimulatedSilo target, SimulatedMigration migration)
    {
        (_simulation, _target, _migration) = (simulation, target, migration);
        _layers = [.. migration.Moves[target.Index].Select(move => (move, NewLayer(move), new LayerCopy()))];

        FakeLayer NewLayer(LayerMove move) =>
            new(move.Layer, simulation.Case.Blocks, simulation.Random, simulation.Case.Mutation == Mutation.EarlyCopy ? move.Incarnation : null);
    }

    /// <summary>Whether its migration began before the one of that number and epoch.</summary>
    public bool IsBefore(long epoch, int migration) => _migration.Epoch < epoch || _migration.Number < migration;

    /// <summary>The copy of a layer, if it is one of those and, unless a rule is broken, complete.</summary>
    public (FakeLayer Layer, LayerCopy Copy)? Find(int layer)
    {
        foreach ((LayerMove move, FakeLayer copied, LayerCopy copy) in _layers)
        {
            if (move.Layer == layer && (copy.IsComplete || _simulation.Case.Mutation is Mutation.EarlyCopy or Mutation.UnfinishedCopy or Mutation.TailOnly)) return (copied, copy);
        }

        return null;
    }

    /// <summary>Takes the full blocks, while the source serves.</summary>
    public void Begin(Call<bool> call) => Layer(0, (at, source) => _layers[at].Copy.Missing(source), () => call.Return(true), () => call.Throw());

    /// <summary>Takes the rest, when no step is in flight.</summary>
    public void Finish(int[] live, Call<Dictionary<long, long>> call) => Layer(
        0,
        (at, source) =>
        {
            int[] last = _layers[at].Copy.Finish(source, live);
            return _simulation.Case.Mutation == Mutation.TailOnly ? [.. last.Except(source.Select(fill => fill.Block))] : last;
        },
        () =>
        {
            bool complete = Array.TrueForAll(_layers, each => each.Copy.IsComplete) || _simulation.Case.Mutation == Mutation.TailOnly;
            if (complete) call.Return(Incarnations);
            else call.Throw();
        },
        () =>
        {
            if (_simulation.Case.Mutation == Mutation.UnfinishedCopy) call.Return(Incarnations);
            else call.Throw();
        });

    /// <summary>The incarnation of each copy by that of the layer.</summary>
    public Dictionary<long, long> Incarnations => _layers.ToDictionary(each => each.Move.Incarnation, each => each.Layer.Incarnation);

    private void Layer(int at, Func<int, BlockFill[], int[]> wanted, Action done, Action failed)
    {
        if (at == _layers.Length)
        {
            done();
            return;
        }

        LayerMove move = _layers[at].Move;
        _simulation.Network.Send<BlockFill[]>(
            call => _simulation.Silo(move.Source).Describe(_migration.Epoch, move.Incarnation, call),
            source => Then(() => Take(at, new Queue<int>(wanted(at, source)), 0, () => Layer(at + 1, wanted, done, failed), failed), failed),
            _ => failed(),
            Patience);
    }

    private void Take(int at, Queue<int> blocks, int tries, Action done, Action failed)
    {
        if (!blocks.TryPeek(out int block))
        {
            done();
            return;
        }

        LayerMove move = _layers[at].Move;
        _simulation.Network.Send<CachePiece>(
            call => _simulation.Silo(move.Source).Read(_migration.Epoch, move.Layer, move.Incarnation, block, call),
            piece => Then(() => Receive(_simulation.Network.Damage(piece)), failed),
            _ => failed(),
            Patience);

        void Receive(CachePiece piece)
        {
            if (CachePiece.Sum(piece.Content) == piece.Checksum || _simulation.Case.Mutation == Mutation.NoChecksum)
            {
                piece.Content.CopyTo(_layers[at].Layer.Block(block));
                _layers[at].Copy.Take(block, piece.Hash);
                blocks.Dequeue();
                tries = 0;
            }
            else if (++tries == MostTries)
            {
                failed();
                return;
            }

            Take(at, blocks, tries, done, failed);
        }
    }

    /// <summary>Goes on in the target's lane, if the target lives and this is still a copy and neither discarded nor a layer.</summary>
    private void Then(Action next, Action failed) => _target.Work(() =>
    {
        if (_target.Has(this, _migration.Id)) next();
        else failed();
    });
}
