using DistributedGpt.Client;
using DistributedGpt.Engine;
using Microsoft.AspNetCore.Http;

namespace DistributedGpt.Gateway;

/// <summary>A call that cannot be answered, as the client is told: a status and the parts of OpenAI's error object.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="message">What was wrong, fit for the client.</param>
/// <param name="type">The kind of error, such as <c>invalid_request_error</c>.</param>
/// <param name="param">The field in question.</param>
/// <param name="code">The error's short name.</param>
internal sealed class ApiException(int status, string message, string type, string? param = null, string? code = null) : Exception(message)
{
    /// <summary>The code where the model threw on a request: it would again.</summary>
    public const string GenerationFailed = "generation_failed";

    public int Status => status;

    public string Type => type;

    public string? Param => param;

    public string? Code => code;

    /// <summary>A request that is wrong in itself.</summary>
    public static ApiException Invalid(string? param, string message, string? code = null) =>
        new(StatusCodes.Status400BadRequest, message, "invalid_request_error", param, code);

    /// <summary>A model that is not served.</summary>
    public static ApiException UnknownModel(string name) =>
        new(StatusCodes.Status404NotFound, $"The model '{name}' does not exist.", "invalid_request_error", "model", RequestRefusedException.ModelNotFound);

    /// <summary>A server that is shutting down.</summary>
    public static ApiException Draining() =>
        new(StatusCodes.Status503ServiceUnavailable, "The server is shutting down; it finishes the requests that it has.", "server_error", null, "shutting_down");

    /// <summary>What the client is told of an exception; of one that nobody foresaw it learns nothing.</summary>
    public static ApiException From(Exception exception) => exception switch
    {
        ApiException known => known,
        RequestRefusedException { Code: RequestRefusedException.QueueFull } refused =>
            new(StatusCodes.Status429TooManyRequests, refused.Message, "rate_limit_error", refused.Param, refused.Code),
        RequestRefusedException { Code: RequestRefusedException.ModelNotFound } refused =>
            new(StatusCodes.Status404NotFound, refused.Message, "invalid_request_error", refused.Param, refused.Code),
        RequestRefusedException refused => Invalid(refused.Param, refused.Message, refused.Code),
        GenerationFailedException failed => new(StatusCodes.Status500InternalServerError, failed.Message, "server_error", null, GenerationFailed),
        OrleansException or TimeoutException =>
            new(StatusCodes.Status503ServiceUnavailable, "The cluster does not answer.", "server_error", null, "cluster_unavailable"),
        BadHttpRequestException bad => new(bad.StatusCode, bad.Message, "invalid_request_error"),
        _ => new(StatusCodes.Status500InternalServerError, "The server failed to answer the request.", "server_error"),
    };
}
