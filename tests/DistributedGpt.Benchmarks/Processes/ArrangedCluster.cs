using System.Diagnostics;
using System.Globalization;
using DistributedGpt.Client;

namespace DistributedGpt.Benchmarks;

/// <summary>The silos of an arrangement as processes, a model loaded on them, and a connection from this process.</summary>
internal sealed class ArrangedCluster : IAsyncDisposable
{
    private readonly List<Process> _silos = [];
    private ClusterConnection? _connection;

    private ArrangedCluster(Arrangement arrangement) => Arrangement = arrangement;

    /// <summary>How it is spread.</summary>
    public Arrangement Arrangement { get; }

    /// <summary>The model, served through the cluster.</summary>
    public ClusterLoop Loop { get; private set; } = null!;

    /// <summary>Layers by silo, as planned.</summary>
    public string Stages { get; private set; } = "";

    /// <summary>Starts the silos and loads the model folder.</summary>
    /// <exception cref="ModelLoadException">It cannot be loaded.</exception>
    /// <exception cref="InvalidOperationException">A silo has not started.</exception>
    public static async Task<ArrangedCluster> StartAsync(Arrangement arrangement, ClusterAddress address, string folder, CancellationToken cancellation)
    {
        var cluster = new ArrangedCluster(arrangement);
        try
        {
            for (int i = 0; i < arrangement.Silos.Length; i++) await cluster.StartSiloAsync($"silo-{i}", arrangement.Silos[i], address, cancellation);
            cluster._connection = await ClusterConnection.OpenAsync(address, cancellationToken: cancellation);
            const string Model = "benchmark";
            await cluster._connection.Administration.LoadModelAsync(new ModelSpec { Name = Model, Path = folder }, cancellationToken: cancellation);
            cluster.Loop = new ClusterLoop((await cluster._connection.Client.FindModelAsync(Model, cancellation))!);
            ClusterStatus status = await cluster._connection.Administration.GetStatusAsync(cancellation);
            cluster.Stages = string.Join(", ", status.Models[0].Replicas[0].Stages.Select(stage => $"{stage.Silo}: {stage.LayerCount}"));
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_connection is not null) await _connection.DisposeAsync();
        foreach (Process silo in _silos)
        {
            silo.Kill();
            await silo.WaitForExitAsync();
            silo.Dispose();
        }
    }

    private async Task StartSiloAsync(string name, Arrangement.Silo silo, ClusterAddress address, CancellationToken cancellation)
    {
        IEnumerable<string> bound = silo.Core is { } core ? ["taskset", "-c", $"{core}"] : [];
        IEnumerable<string> claimed = silo.LayerMilliseconds is { } time ? ["--layer-ms", string.Create(CultureInfo.InvariantCulture, $"1:{time}")] : [];
        string[] words =
        [
            .. bound, "dotnet", Path.Combine(AppContext.BaseDirectory, "dgpt.dll"), "silo",
            "--name", name, "--cluster", address.ToString(), "--threads", $"{silo.Threads}", .. claimed,
        ];
        var joined = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var process = Process.Start(new ProcessStartInfo(words[0], words[1..]) { RedirectStandardError = true })!;
        _silos.Add(process);
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is null) joined.TrySetException(new InvalidOperationException($"{name}: has ended"));
            else if (line.Data.StartsWith($"silo {name} ", StringComparison.Ordinal)) joined.TrySetResult();
        };
        process.BeginErrorReadLine();
        await joined.Task.WaitAsync(cancellation);
    }
}
