using System.Threading.Channels;
using DistributedGpt.Client;
using DistributedGpt.Engine;

namespace DistributedGpt.Gateway;

/// <summary>
/// The completions of one call: all its prompts at once, their chunks merged as they come. Choices are numbered
/// prompt * n + completion. Disposing it ends what still runs.
/// </summary>
internal sealed class CompletionRun : IAsyncDisposable
{
    private readonly IServedModel _model;
    private readonly CancellationTokenSource _cancellation;
    private readonly Channel<(int Choice, CompletionChunk Chunk)> _chunks = Channel.CreateBounded<(int, CompletionChunk)>(1);
    private readonly Task _pumps;

    /// <summary>Submits the requests.</summary>
    public CompletionRun(IServedModel model, IReadOnlyList<GenerateRequest> requests, IReadOnlyList<string> stop, CancellationToken cancellationToken)
    {
        _model = model;
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _pumps = PumpAllAsync(requests, stop);
    }

    /// <summary>The chunks; fails where a request fails.</summary>
    public ChannelReader<(int Choice, CompletionChunk Chunk)> Chunks => _chunks.Reader;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _cancellation.CancelAsync();
        await _pumps;
        _cancellation.Dispose();
    }

    private async Task PumpAllAsync(IReadOnlyList<GenerateRequest> requests, IReadOnlyList<string> stop)
    {
        Task[] pumps = [.. requests.Select((request, prompt) => PumpAsync(prompt, request, stop))];
        await Task.WhenAll(pumps);
        _chunks.Writer.TryComplete();
    }

    private async Task PumpAsync(int prompt, GenerateRequest request, IReadOnlyList<string> stop)
    {
        try
        {
            await foreach (CompletionChunk chunk in _model.GenerateAsync(request, stop, _cancellation.Token))
                await _chunks.Writer.WriteAsync((prompt * request.Completions + chunk.Completion, chunk), _cancellation.Token);
        }
        catch (Exception e)
        {
            // The first failure is the call's; the others only follow from ending it.
            if (_chunks.Writer.TryComplete(e)) await _cancellation.CancelAsync();
        }
    }
}
