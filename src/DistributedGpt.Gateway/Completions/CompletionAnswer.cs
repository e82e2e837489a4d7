using System.Text.Json;
using DistributedGpt.Client;
using DistributedGpt.Engine;

namespace DistributedGpt.Gateway;

/// <summary>What the whole answer and the stream have in common.</summary>
internal sealed class CompletionAnswer
{
    private readonly GenerateRequest[] _requests;
    private readonly IServedModel _model;

    public CompletionAnswer(CompletionCall call, IServedModel model, GenerateRequest[] requests)
    {
        Call = call;
        _model = model;
        _requests = requests;
        Json = new CompletionJson(model);
        Texts = [.. Enumerable.Range(0, Choices).Select(_ => new ChoiceText(model.Tokenizer))];
    }

    public CompletionCall Call { get; }

    public CompletionJson Json { get; }

    public ChoiceText[] Texts { get; }

    public int Choices => _requests.Length * _requests[0].Completions;

    public bool Logprobs => _requests[0].Sampling.Logprobs is not null;

    public int PromptTokens => _requests.Sum(request => request.PromptIds.Length);

    /// <summary>The prompt before a choice's text, where that is asked for: as it was given, not decoded from its tokens.</summary>
    public string Echoed(int choice)
    {
        if (!Call.Echo) return "";
        CompletionRequest request = Call.Requests[choice / _requests[0].Completions];
        return request.PromptIds is { } ids ? _model.Tokenizer.Decode(ids, showSpecialTokens: true) : request.Prompt;
    }

    public void WriteChunk(Utf8JsonWriter json, int index, string text, LogprobRows? logprobs, FinishReason finish)
    {
        Json.Begin(json);
        Json.Choice(json, index, text, logprobs, finish);
        CompletionJson.EndChoices(json);
        if (Call.IncludeUsage) json.WriteNull("usage");
        json.WriteEndObject();
    }

    public void WriteUsage(Utf8JsonWriter json, int generated)
    {
        Json.Begin(json);
        CompletionJson.EndChoices(json);
        CompletionJson.Usage(json, PromptTokens, generated);
        json.WriteEndObject();
    }
}
