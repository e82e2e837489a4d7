using System.Diagnostics;
using DistributedGpt.Client;
using DistributedGpt.Engine;

namespace DistributedGpt.Gateway;

/// <summary>One request, from its submission to its disposal.</summary>
internal sealed class RequestMeasurement : IDisposable
{
    private readonly string _model;
    private readonly Activity? _activity;
    private readonly long _started = Stopwatch.GetTimestamp();
    private long _first;
    private long _last;
    private int _tokens;

    // What is left before its end was left by its client.
    private string _outcome = "cancelled";

    /// <summary>A request is submitted.</summary>
    public RequestMeasurement(string model, GenerateRequest request)
    {
        _model = model;
        _activity = GatewayTelemetry.Activities.StartActivity("generate")?
            .SetTag("dgpt.model", model)
            .SetTag("dgpt.prompt_tokens", request.PromptIds.Length)
            .SetTag("dgpt.completions", request.Completions);
        RequestMetrics.Began(model, request.PromptIds.Length);
    }

    /// <summary>Takes the next chunk.</summary>
    /// <returns>False where there is none.</returns>
    public async ValueTask<bool> NextAsync(IAsyncEnumerator<CompletionChunk> chunks)
    {
        try
        {
            if (!await chunks.MoveNextAsync())
            {
                _outcome = "completed";
                return false;
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            _outcome = e is RequestRefusedException ? "refused" : "failed";
            _activity?.SetStatus(ActivityStatusCode.Error, e.Message);
            throw;
        }

        int tokens = chunks.Current.Tokens.Count;
        if (tokens > 0) Count(tokens);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        RequestMetrics.Ended(_model, _outcome, Stopwatch.GetElapsedTime(_started), _tokens, Stopwatch.GetElapsedTime(_first, _last));
        _activity?.SetTag("dgpt.completion_tokens", _tokens).SetTag("dgpt.outcome", _outcome).Dispose();
    }

    private void Count(int tokens)
    {
        _last = Stopwatch.GetTimestamp();
        if (_tokens == 0)
        {
            _first = _last;
            RequestMetrics.FirstToken(_model, Stopwatch.GetElapsedTime(_started, _first));
            _activity?.AddEvent(new ActivityEvent("first token"));
        }

        _tokens += tokens;
    }
}
