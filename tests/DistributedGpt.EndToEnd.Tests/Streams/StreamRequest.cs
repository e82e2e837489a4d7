using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>A streamed completion.</summary>
internal sealed class StreamRequest(string body)
{
    /// <summary>Streams of every kind: greedy, seeded, with penalties, stop strings, several completions and logprobs.</summary>
    public static StreamRequest[] OfEveryKind(int tokens) =>
    [
        new($$"""{"prompt": "ROMEO:", "temperature": 0, "max_tokens": {{tokens}}, "ignore_eos": true}"""),
        new($$"""{"prompt": "JULIET:", "seed": 1, "max_tokens": {{tokens}}, "ignore_eos": true}"""),
        new($$"""{"prompt": "First Citizen:\n", "seed": 2, "temperature": 1.1, "top_p": 0.9, "max_tokens": {{tokens}}, "ignore_eos": true}"""),
        new($$"""{"prompt": "KING RICHARD III:", "seed": 3, "presence_penalty": 0.5, "frequency_penalty": 0.4, "max_tokens": {{tokens}}, "ignore_eos": true}"""),
        new($$"""{"prompt": "JULIET:", "seed": 4, "stop": ["\n\n\n", "zzz"], "repetition_penalty": 1.1, "max_tokens": {{tokens}}, "ignore_eos": true}"""),
        new($$"""{"prompt": "Now is the winter", "seed": 5, "n": 2, "max_tokens": {{tokens}}, "ignore_eos": true}"""),
        new($$"""{"prompt": "ROMEO:", "seed": 6, "logprobs": 2, "max_tokens": {{tokens}}, "ignore_eos": true}"""),
        new($$"""{"prompt": "What, ", "seed": 7, "min_p": 0.05, "top_k": 40, "max_tokens": {{tokens}}, "ignore_eos": true}"""),
    ];

    /// <summary>
    /// Streams it and gives everything that it says, for each choice: text, logprobs and the reason of its end.
    /// </summary>
    /// <param name="http">To the gateway.</param>
    /// <param name="onChunk">Told at every chunk.</param>
    public async Task<string> RunAsync(HttpClient http, Action? onChunk = null)
    {
        JsonObject request = JsonNode.Parse(body)!.AsObject();
        request["model"] = TestCluster.Model;
        request["stream"] = true;
        using var message = new HttpRequestMessage(HttpMethod.Post, "completions") { Content = new StringContent(request.ToJsonString(), Encoding.UTF8, "application/json") };
        using HttpResponseMessage response = await http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        SortedDictionary<int, (StringBuilder Text, StringBuilder End)> choices = [];
        while (await reader.ReadLineAsync() is { } line)
        {
            if (!line.StartsWith("data: ", StringComparison.Ordinal)) continue;
            if (line == "data: [DONE]") break;
            JsonElement chunk = JsonDocument.Parse(line[6..]).RootElement;
            if (!chunk.TryGetProperty("choices", out JsonElement parts)) return $"{line}";
            foreach (JsonElement part in parts.EnumerateArray())
            {
                int index = part.GetProperty("index").GetInt32();
                if (!choices.TryGetValue(index, out (StringBuilder Text, StringBuilder End) choice)) choices[index] = choice = (new(), new());
                choice.Text.Append(part.GetProperty("text").GetString());
                if (part.GetProperty("logprobs") is { ValueKind: JsonValueKind.Object } logprobs) choice.End.Append(logprobs.GetProperty("token_logprobs")).Append(logprobs.GetProperty("top_logprobs"));
                if (part.GetProperty("finish_reason").GetString() is { } reason) choice.End.Append(reason);
            }

            onChunk?.Invoke();
        }

        return string.Join("\n----\n", choices.Values.Select(choice => $"{choice.Text}\n{choice.End}"));
    }
}
