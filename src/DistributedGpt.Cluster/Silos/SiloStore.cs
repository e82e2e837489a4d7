using System.Collections.Concurrent;
using DistributedGpt.Models;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster;

/// <summary>
/// What a silo holds: the loaded parts of all replicas, resident once, whatever becomes of the grains that own them. Parts come by
/// <see cref="LoadAsync"/> and go by <see cref="ReleaseAsync"/> only. A load reserves its memory before it begins.
/// </summary>
internal sealed class SiloStore(ComputeDevice device, SiloStoreOptions options) : IDisposable
{
    private readonly ConcurrentDictionary<ReplicaKey, ReplicaStore> _replicas = new();
    private readonly OpenFolders _folders = new();
    private readonly ConcurrentDictionary<PartKey, Lazy<Task<LoadedPart>>> _loading = new();
    private readonly SemaphoreSlim _reading = new(1);
    private readonly SiloMemory _memory = new(options.MemoryLimit);

    /// <summary>Bytes that parts and border logs may occupy.</summary>
    public long MemoryLimit => _memory.Limit;

    /// <summary>Bytes that parts and border logs occupy, or will when they are loaded and written.</summary>
    public long ReservedBytes => _memory.Reserved;

    /// <summary>The parts and stages of one replica.</summary>
    public ReplicaStore Replica(ReplicaKey key) => _replicas.GetOrAdd(key, _ => new ReplicaStore(device, _memory));

    /// <summary>Whether the part is here.</summary>
    public bool Holds(PartKey key) => _replicas.TryGetValue(key.Replica, out ReplicaStore? replica) && replica.Find(key) is not null;

    /// <summary>Bytes of a replica's parts that are loaded here, and of its border logs.</summary>
    public long LoadedBytes(ReplicaKey key) => _replicas.TryGetValue(key, out ReplicaStore? replica) ? replica.Bytes : 0;

    /// <summary>Loads a part, or adopts it with its cache and its incarnation where it is here.</summary>
    /// <exception cref="ModelFormatException">The folder cannot be used.</exception>
    /// <exception cref="InsufficientMemoryException">The part does not fit; the message has the numbers.</exception>
    public async Task<LoadedPart> LoadAsync(PartKey key, ReplicaRecord record)
    {
        ReplicaStore replica = Replica(key.Replica);
        if (replica.Adopt(key, record.Epoch, record.Migration) is { } present) return present;
        Lazy<Task<LoadedPart>> load = _loading.GetOrAdd(key, _ => new Lazy<Task<LoadedPart>>(() => Task.Run(async () =>
        {
            if (replica.Find(key) is { } loaded) return loaded;
            LoadedPart part = await LoadOneAsync(key, record);
            replica.Add(part);
            return part;
        })));
        try
        {
            return await load.Value;
        }
        finally
        {
            _loading.TryRemove(new KeyValuePair<PartKey, Lazy<Task<LoadedPart>>>(key, load));
        }
    }

    /// <summary>Loads the weights of a part for a copy, beside what is here.</summary>
    /// <exception cref="MigrationException">The copy was discarded meanwhile.</exception>
    /// <exception cref="ModelFormatException">The folder cannot be used.</exception>
    /// <exception cref="InsufficientMemoryException">The part does not fit; the message has the numbers.</exception>
    public async Task LoadCopyAsync(ReplicaStore replica, ReplicaCopy copy, PartMove move)
    {
        LoadedPart part = await Task.Run(() => LoadOneAsync(move.Part, copy.Order.Record));
        if (replica.TryAdd(copy, new PartCopy(move, part))) return;
        part.Runtime.Dispose();
        _memory.Release(part.Bytes);
        throw new MigrationException("the copy was discarded");
    }

    /// <summary>Leaves only what the plan gives to this silo of a replica, and the copy of the migration that is under way.</summary>
    /// <param name="key">The replica.</param>
    /// <param name="silo">This silo.</param>
    /// <param name="record">The replica's record.</param>
    /// <param name="migration">The number of that migration, or of the next one.</param>
    public async Task KeepAsync(ReplicaKey key, SiloAddress silo, ReplicaRecord record, int migration)
    {
        if (_replicas.TryGetValue(key, out ReplicaStore? replica)) _memory.Release(await replica.KeepAsync(silo, record, migration));
    }

    /// <summary>Drops everything of a replica, once the lane has ended what it runs.</summary>
    public async Task ReleaseAsync(ReplicaKey key)
    {
        if (!_replicas.TryRemove(key, out ReplicaStore? replica)) return;
        _memory.Release(await device.Lane.RunAsync(replica.Release));
    }

    /// <summary>The model folder at <paramref name="path"/> as it was when it was opened, shared by its parts.</summary>
    /// <exception cref="ModelFormatException">It cannot be used.</exception>
    public ModelFolder Folder(string path) => _folders.Get(path);

    /// <summary>The model folder at <paramref name="path"/> as it is now.</summary>
    /// <exception cref="ModelFormatException">It cannot be used.</exception>
    public ModelFolder CurrentFolder(string path) => _folders.GetCurrent(path);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ReplicaStore replica in _replicas.Values) replica.Release();
        _folders.Dispose();
    }

    /// <summary>Loads a part when those before it are loaded: reading and packing one takes the disk and the cores to itself.</summary>
    private async Task<LoadedPart> LoadOneAsync(PartKey key, ReplicaRecord record)
    {
        await _reading.WaitAsync();
        try
        {
            return Load(key, record);
        }
        finally
        {
            _reading.Release();
        }
    }

    private LoadedPart Load(PartKey key, ReplicaRecord record)
    {
        ModelFolder folder = Folder(record.Model.Path);
        var cache = new KvCacheOptions(record.KvBlocks, record.Model.KvType);
        long bytes = PartBytes.Of(key, folder, cache, options.WeightType);
        if (!_memory.TryReserve(bytes))
        {
            throw new InsufficientMemoryException(
                $"{key.Kind} {key.Layer} of {key.Replica} needs {bytes:N0} bytes; of {_memory.Limit:N0} bytes {_memory.Reserved:N0} are taken");
        }

        try
        {
            IDisposable runtime = key.Kind switch
            {
                PartKind.Embedding => device.Backend.LoadEmbedding(folder),
                PartKind.Head => device.Backend.LoadHead(folder),
                _ => device.Backend.LoadLayer(folder, key.Layer, cache),
            };
            return new LoadedPart(key, runtime, Random.Shared.NextInt64(1, long.MaxValue), bytes);
        }
        catch
        {
            _memory.Release(bytes);
            throw;
        }
    }
}
