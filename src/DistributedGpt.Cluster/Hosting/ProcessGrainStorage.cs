using System.Collections.Concurrent;
using System.Globalization;
using Orleans.Storage;

namespace DistributedGpt.Cluster;

/// <summary>
/// Grain storage in the memory of this process, shared by all of its silos. Orleans' own memory storage lives in grains and would
/// forget an epoch together with the silo that holds it. Values are immutable records and kept by reference.
/// </summary>
internal sealed class ProcessGrainStorage : IGrainStorage
{
    private readonly ConcurrentDictionary<(string Type, GrainId Grain), Entry> _entries = new();

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        bool exists = _entries.TryGetValue((stateName, grainId), out Entry? entry);
        grainState.RecordExists = exists;
        grainState.ETag = exists ? entry!.ETag : null;
        grainState.State = exists ? (T)entry!.Value! : default!;
        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        (string, GrainId) key = (stateName, grainId);
        long version = grainState.ETag is { } read ? long.Parse(read, CultureInfo.InvariantCulture) : 0;
        var next = new Entry(grainState.State, (version + 1).ToString(CultureInfo.InvariantCulture));
        bool written = grainState.ETag is null
            ? _entries.TryAdd(key, next)
            : _entries.TryGetValue(key, out Entry? current) && current.ETag == grainState.ETag && _entries.TryUpdate(key, next, current);
        if (!written) throw new InconsistentStateException($"{stateName} of {grainId} was written by somebody else");
        grainState.ETag = next.ETag;
        grainState.RecordExists = true;
        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        _entries.TryRemove((stateName, grainId), out _);
        grainState.ETag = null;
        grainState.RecordExists = false;
        grainState.State = default!;
        return Task.CompletedTask;
    }

    private sealed record Entry(object? Value, string ETag);
}
