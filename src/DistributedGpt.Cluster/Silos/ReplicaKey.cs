using System.Globalization;

namespace DistributedGpt.Cluster;

/// <summary>Names a replica of a model; its text <c>model/replica</c> is the key of its coordinator.</summary>
/// <param name="Model">The model's name, which may hold slashes.</param>
/// <param name="Index">The replica, from 0.</param>
[GenerateSerializer, Immutable]
public readonly record struct ReplicaKey([property: Id(0)] string Model, [property: Id(1)] int Index)
{
    /// <summary>Reads a coordinator's key.</summary>
    /// <exception cref="FormatException">The text is not of the form <c>model/replica</c>.</exception>
    public static ReplicaKey Parse(string grainKey)
    {
        int slash = grainKey.LastIndexOf('/');
        if (slash <= 0 || !int.TryParse(grainKey.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int index))
            throw new FormatException($"'{grainKey}' is not of the form model/replica");
        return new ReplicaKey(grainKey[..slash], index);
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Model}/{Index}");
}
