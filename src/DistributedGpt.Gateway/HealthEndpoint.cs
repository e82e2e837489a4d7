using DistributedGpt.Client;
using Microsoft.AspNetCore.Http;

namespace DistributedGpt.Gateway;

/// <summary>
/// <c>GET /health/live</c>: this process answers. <c>GET /health/ready</c> and <c>GET /health</c>: the cluster serves its models, which
/// takes an answer of every stage, and new requests are accepted; otherwise 503.
/// </summary>
internal sealed class HealthEndpoint(IInferenceClient client, RunningRequests running)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Answers that the process lives.</summary>
    public static Task LiveAsync(HttpContext context) => WriteAsync(context, StatusCodes.Status200OK, "ok");

    /// <summary>Answers whether requests can be served.</summary>
    public async Task ReadyAsync(HttpContext context)
    {
        string status = running.Draining ? "draining" : await AskAsync(context.RequestAborted);
        await WriteAsync(context, status == "ok" ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable, status);
    }

    private async Task<string> AskAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await client.IsReadyAsync(cancellationToken).WaitAsync(Patience, cancellationToken) ? "ok" : "not ready";
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            return "unreachable";
        }
    }

    private static Task WriteAsync(HttpContext context, int code, string status)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync($$"""{"status":"{{status}}"}""", context.RequestAborted);
    }
}
