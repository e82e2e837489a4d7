using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>What changes while a training runs, and the file that it goes on from. All tensors are flat and laid out alike.</summary>
internal sealed class TrainingState : IDisposable
{
    private const ulong Magic = 0x3430_6e69_6172_7464; // "dtrain04"
    private const int HeaderBytes = 44;

    /// <summary>Starts with <paramref name="values"/>, which this state owns from now on.</summary>
    public TrainingState(Tensor values)
    {
        Values = values;
        Average = values.clone().DetachFromDisposeScope();
        Mean = zeros_like(values).DetachFromDisposeScope();
        Square = zeros_like(values).DetachFromDisposeScope();
    }

    /// <summary>The parameters.</summary>
    public Tensor Values { get; }

    /// <summary>Their exponentially weighted average over the last steps, which is the model that is evaluated and written.</summary>
    public Tensor Average { get; }

    /// <summary>The optimizer's running means of gradients.</summary>
    public Tensor Mean { get; }

    /// <summary>The optimizer's running means of squared gradients.</summary>
    public Tensor Square { get; }

    /// <summary>Steps done.</summary>
    public int Step { get; set; }

    /// <summary>Where the data of the next step begins.</summary>
    public DataPosition Position { get; set; }

    /// <summary>The best selection loss so far.</summary>
    public double Best { get; set; } = double.PositiveInfinity;

    private Tensor[] Tensors => [Values, Average, Mean, Square];

    /// <summary>Writes the file at <paramref name="path"/>; until it is complete the former one stays.</summary>
    public void Save(string path)
    {
        string unfinished = path + ".tmp";
        using (BinaryWriter writer = new(File.Create(unfinished)))
        {
            writer.Write(Magic);
            writer.Write(Values.numel());
            writer.Write(Step);
            writer.Write(Position.Epoch);
            writer.Write(Position.FirstSequence);
            writer.Write(Position.Sequence);
            writer.Write(Best);
            foreach (Tensor tensor in Tensors)
            {
                using Tensor host = tensor.cpu();
                writer.Write(host.bytes);
            }
        }
        File.Move(unfinished, path, overwrite: true);
    }

    /// <summary>Takes over what the file at <paramref name="path"/> holds.</summary>
    /// <exception cref="InvalidDataException">It is no such file, or of a model of another size.</exception>
    public void Restore(string path)
    {
        using BinaryReader reader = new(File.OpenRead(path));
        long expected = HeaderBytes + Tensors.Length * sizeof(float) * Values.numel();
        if (reader.BaseStream.Length != expected || reader.ReadUInt64() != Magic || reader.ReadInt64() != Values.numel())
        {
            throw new InvalidDataException($"{path}: expected a checkpoint of {Values.numel()} parameters in {expected} bytes, found " +
                $"{reader.BaseStream.Length} bytes; go on with the options that it was made with");
        }
        Step = reader.ReadInt32();
        Position = new(reader.ReadInt32(), reader.ReadInt64(), reader.ReadInt32());
        Best = reader.ReadDouble();
        foreach (Tensor tensor in Tensors)
        {
            using Tensor host = empty(tensor.shape);
            reader.BaseStream.ReadExactly(host.bytes);
            tensor.copy_(host);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor tensor in Tensors) tensor.Dispose();
    }
}
