using System.Text.Json;
using DistributedGpt.Client;
using Microsoft.AspNetCore.Http;

namespace DistributedGpt.Gateway;

/// <summary><c>GET /v1/models</c> and <c>GET /v1/models/{name}</c>.</summary>
/// <seealso href="https://platform.openai.com/docs/api-reference/models">OpenAI: models</seealso>
internal sealed class ModelsEndpoint(IInferenceClient client)
{
    /// <summary>Answers with all models.</summary>
    public async Task ListAsync(HttpContext context)
    {
        IReadOnlyList<ModelInfo> models = await client.ListModelsAsync(context.RequestAborted);
        await WriteAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteString("object", "list");
            json.WriteStartArray("data");
            foreach (ModelInfo model in models) Write(json, model);
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    /// <summary>Answers with one model.</summary>
    public async Task GetAsync(HttpContext context)
    {
        // Routing leaves an encoded slash as it is, since it would look like a border between segments.
        string name = ((string)context.Request.RouteValues["name"]!).Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        IReadOnlyList<ModelInfo> models = await client.ListModelsAsync(context.RequestAborted);
        ModelInfo model = models.FirstOrDefault(model => model.Name == name) ?? throw ApiException.UnknownModel(name);
        await WriteAsync(context, json => Write(json, model));
    }

    private static void Write(Utf8JsonWriter json, ModelInfo model)
    {
        json.WriteStartObject();
        json.WriteString("id", model.Name);
        json.WriteString("object", "model");
        json.WriteNumber("created", new DateTimeOffset(model.Created).ToUnixTimeSeconds());
        json.WriteString("owned_by", "distributedgpt");
        json.WriteEndObject();
    }

    private static async Task WriteAsync(HttpContext context, Action<Utf8JsonWriter> write)
    {
        context.Response.ContentType = "application/json";
        await using (var json = new Utf8JsonWriter(context.Response.BodyWriter)) write(json);
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
    }
}
