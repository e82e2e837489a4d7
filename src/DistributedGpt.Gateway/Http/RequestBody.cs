using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace DistributedGpt.Gateway;

/// <summary>Reads a JSON body. Whatever is wrong with it is answered by a 4xx that says so.</summary>
internal static class RequestBody
{
    /// <summary>So much beyond the limit is still read and thrown away: an answer to a client that is still sending would be lost.</summary>
    private const long DrainedBytes = 256L << 20;

    /// <summary>The body as JSON, an object at its root.</summary>
    /// <exception cref="ApiException">It is no JSON, no object, too large or of another content type.</exception>
    public static async Task<JsonDocument> ReadJsonAsync(HttpContext context, int limit)
    {
        if (!IsJson(context.Request))
            throw new ApiException(StatusCodes.Status415UnsupportedMediaType,
                $"The content type is '{context.Request.ContentType}': send 'application/json' in UTF-8.", "invalid_request_error");
        byte[] body = await ReadAsync(context, limit);
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(body);
        }
        catch (JsonException e)
        {
            throw ApiException.Invalid(null, $"The body is not valid JSON: {e.Message}", "invalid_json");
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
        document.Dispose();
        throw ApiException.Invalid(null, "The body is not a JSON object.", "invalid_json");
    }

    private static bool IsJson(HttpRequest request)
    {
        if (!Microsoft.Net.Http.Headers.MediaTypeHeaderValue.TryParse(request.ContentType, out var type)) return false;
        bool json = type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase);
        return json && (!type.Charset.HasValue || type.Charset.Value.Trim('"').Equals("utf-8", StringComparison.OrdinalIgnoreCase));
    }

    private static async Task<byte[]> ReadAsync(HttpContext context, int limit)
    {
        var body = new ArrayBufferWriter<byte>((int)Math.Clamp(context.Request.ContentLength ?? 0, 4096, limit));
        byte[] buffer = ArrayPool<byte>.Shared.Rent(64 << 10);
        try
        {
            long total = 0;
            while (total <= limit + DrainedBytes && await context.Request.Body.ReadAsync(buffer, context.RequestAborted) is > 0 and int count)
            {
                total += count;
                if (total <= limit) body.Write(buffer.AsSpan(0, count));
            }

            return total <= limit
                ? body.WrittenSpan.ToArray()
                : throw new ApiException(StatusCodes.Status413PayloadTooLarge, $"The body is larger than {limit} bytes.", "invalid_request_error");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
