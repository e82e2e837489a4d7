using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace DistributedGpt.Gateway;

/// <summary>OpenAI's error body, <c>{"error": {message, type, param, code}}</c>, for every status that is an error.</summary>
/// <seealso href="https://platform.openai.com/docs/guides/error-codes">OpenAI: error codes</seealso>
internal static class ErrorResponse
{
    /// <summary>Answers with the error.</summary>
    public static async Task WriteAsync(HttpContext context, ApiException error)
    {
        context.Response.StatusCode = error.Status;
        context.Response.ContentType = "application/json";
        if (error.Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
            context.Response.Headers.RetryAfter = "1";

        // OpenAI's clients repeat every 5xx unless they are told not to.
        if (error.Code == ApiException.GenerationFailed) context.Response.Headers["x-should-retry"] = "false";
        using (var json = new Utf8JsonWriter(context.Response.BodyWriter)) Write(json, error);
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
    }

    /// <summary>Gives a body to a status that was set without one, as routing does.</summary>
    public static Task WriteForStatusAsync(HttpContext context)
    {
        int status = context.Response.StatusCode;
        string message = status switch
        {
            StatusCodes.Status404NotFound => $"Unknown path: {context.Request.Method} {context.Request.Path}.",
            StatusCodes.Status405MethodNotAllowed => $"{context.Request.Path} does not take the method {context.Request.Method}.",
            _ => $"{status} {ReasonPhrases.GetReasonPhrase(status)}",
        };
        string? code = status == StatusCodes.Status404NotFound ? "unknown_path" : null;
        return WriteAsync(context, new ApiException(status, message, status >= 500 ? "server_error" : "invalid_request_error", null, code));
    }

    /// <summary>Writes the body.</summary>
    public static void Write(Utf8JsonWriter json, ApiException error)
    {
        json.WriteStartObject();
        json.WriteStartObject("error");
        json.WriteString("message", error.Message);
        json.WriteString("type", error.Type);
        json.WriteString("param", error.Param);
        json.WriteString("code", error.Code);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
