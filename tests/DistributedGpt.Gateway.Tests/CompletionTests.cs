using System.Text.Json;

namespace DistributedGpt.Gateway.Tests;

public sealed class CompletionTests(GatewayFixture gateway)
{
    [Fact]
    public async Task Post_Greedy_GivesTheReferenceText()
    {
        JsonElement answer = await gateway.Http.CompleteAsync("\"max_tokens\": 40, \"ignore_eos\": true");

        Assert.Equal(gateway.Tokenizer.Decode([.. gateway.Golden.Ids, .. gateway.Golden.Greedy])[gateway.Golden.Text.Length..], Text(answer));
        Assert.Equal("length", Finish(answer));
        Assert.Equal((5, 40, 45), Usage(answer));
        Assert.Equal("text_completion", answer.GetProperty("object").GetString());
        Assert.StartsWith("cmpl-", answer.GetProperty("id").GetString());
        Assert.Equal(GatewayFixture.ModelName, answer.GetProperty("model").GetString());
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("choices")[0].GetProperty("logprobs").ValueKind);
    }

    [Fact]
    public async Task Post_PromptOfIds_IsThePromptOfItsText()
    {
        JsonElement text = await gateway.Http.CompleteAsync("\"max_tokens\": 20");
        JsonElement ids = await gateway.Http.CompleteAsync($"\"max_tokens\": 20, \"prompt\": [{string.Join(',', gateway.Golden.Ids)}]");

        Assert.Equal(Text(text), Text(ids));
        Assert.Equal(Usage(text), Usage(ids));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\"max_tokens\": null")]
    public async Task Post_WithoutMaxTokens_GeneratesSixteen(string fields)
    {
        JsonElement answer = await gateway.Http.CompleteAsync(fields + (fields.Length > 0 ? ", " : "") + "\"ignore_eos\": true");

        Assert.Equal((5, 16, 21), Usage(answer));
    }

    [Fact]
    public async Task Post_WithoutMaxTokensNearTheContextsEnd_EndsWithTheContext()
    {
        string prompt = string.Join(',', Enumerable.Repeat(50, GatewayFixture.ContextLength - 3));
        JsonElement answer = await gateway.Http.CompleteAsync($"\"prompt\": [{prompt}], \"ignore_eos\": true");

        Assert.Equal(3, Usage(answer).Completion);
        Assert.Equal("length", Finish(answer));
    }

    [Fact]
    public async Task Post_EndOfSequence_StopsWithoutIt()
    {
        JsonElement answer = await gateway.Http.CompleteAsync("\"max_tokens\": 1, \"logit_bias\": {\"0\": 100}");

        Assert.Equal("stop", Finish(answer));
        Assert.Equal("", Text(answer));
        Assert.Equal((5, 0, 5), Usage(answer));
    }

    [Fact]
    public async Task Post_MinTokens_HoldsTheEndOfSequenceBack()
    {
        JsonElement answer = await gateway.Http.CompleteAsync("\"max_tokens\": 9, \"min_tokens\": 4, \"logit_bias\": {\"0\": 100}");

        Assert.Equal("stop", Finish(answer));
        Assert.Equal(4, Usage(answer).Completion);
    }

    [Fact]
    public async Task Post_LogitBias_ForcesAToken()
    {
        int id = gateway.Tokenizer.FindId("!")!.Value;
        JsonElement answer = await gateway.Http.CompleteAsync($"\"max_tokens\": 5, \"logit_bias\": {{\"{id}\": 100}}");

        Assert.Equal("!!!!!", Text(answer));
    }

    [Fact]
    public async Task Post_StopTokenId_EndsBeforeIt()
    {
        int[] greedy = gateway.Golden.Greedy;
        JsonElement answer = await gateway.Http.CompleteAsync($"\"max_tokens\": 40, \"ignore_eos\": true, \"stop_token_ids\": [{greedy[4]}]");

        Assert.Equal("stop", Finish(answer));
        Assert.Equal(4, Usage(answer).Completion);
    }

    [Fact]
    public async Task Post_StopAcrossTokens_CutsBeforeItAndCountsItsTokens()
    {
        // The reference's text begins " w< mYveThe"; the stop begins inside one token and ends inside another.
        JsonElement answer = await gateway.Http.CompleteAsync("\"max_tokens\": 40, \"ignore_eos\": true, \"stop\": [\"nowhere\", \" mYv\"]");

        Assert.Equal(" w<", Text(answer));
        Assert.Equal("stop", Finish(answer));
        Assert.Equal(5, Usage(answer).Completion);
    }

    [Fact]
    public async Task Post_StopAtTheLastToken_IsAStop()
    {
        JsonElement answer = await gateway.Http.CompleteAsync("\"max_tokens\": 5, \"ignore_eos\": true, \"stop\": \" mYv\"");

        Assert.Equal("stop", Finish(answer));
        Assert.Equal(" w<", Text(answer));
    }

    [Fact]
    public async Task Post_StopThatOnlyBegins_GivesItsTextBack()
    {
        JsonElement answer = await gateway.Http.CompleteAsync("\"max_tokens\": 3, \"ignore_eos\": true, \"stop\": \" mYveX\"");

        Assert.Equal("length", Finish(answer));
        Assert.Equal(gateway.Tokenizer.Decode(gateway.Golden.Greedy.AsSpan(0, 3)), Text(answer));
    }

    [Fact]
    public async Task Post_StopBeforeMinTokens_DoesNotCount()
    {
        int id = gateway.Tokenizer.FindId("!")!.Value;
        JsonElement answer = await gateway.Http.CompleteAsync($"\"max_tokens\": 9, \"min_tokens\": 4, \"stop\": \"!!\", \"logit_bias\": {{\"{id}\": 100}}");

        Assert.Equal(("!!", "stop", 4), (Text(answer), Finish(answer), Usage(answer).Completion));
    }

    [Theory]
    [InlineData(1, "")]
    [InlineData(2, "")]
    [InlineData(3, "")]
    [InlineData(4, "🙂")]
    public async Task Post_CutInsideACharacter_DropsItStreamedOrNot(int maxTokens, string expected)
    {
        // The prompt holds a part of the character, and the limit of tokens cuts it again: each byte of an emoji is a token.
        int[] bytes = gateway.Tokenizer.EncodePlain("🙂");
        Assert.Equal(4, bytes.Length);
        for (int given = 0; given < maxTokens && given < 4; given++)
        {
            string prompt = string.Join(',', bytes[..given].Prepend(gateway.Golden.Ids[0]));
            string fields = $"\"prompt\": [{prompt}], \"max_tokens\": 1, \"logprobs\": 0, \"logit_bias\": {{\"{bytes[given]}\": 100}}";
            JsonElement whole = await gateway.Http.CompleteAsync(fields);
            JsonElement[] chunks = await gateway.Http.StreamAsync(fields);

            Assert.Equal((given + 1 == maxTokens ? expected : "", "length", 1), (Text(whole), Finish(whole), Usage(whole).Completion));
            Assert.Equal(Text(whole), GatewayClient.Join(chunks));
            Assert.Equal(1, whole.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("tokens").GetArrayLength());
        }
    }

    [Fact]
    public async Task Post_SeveralSamples_DifferAndRepeat()
    {
        const string Fields = "\"max_tokens\": 12, \"temperature\": 1, \"seed\": 5, \"n\": 3, \"ignore_eos\": true";
        JsonElement first = await gateway.Http.CompleteAsync(Fields);
        JsonElement again = await gateway.Http.CompleteAsync(Fields);

        string[] texts = Texts(first);
        Assert.Equal(3, texts.Distinct().Count());
        Assert.Equal(texts, Texts(again));
        Assert.Equal((5, 36, 41), Usage(first));
        Assert.Equal(texts[0], Text(await gateway.Http.CompleteAsync(Fields.Replace("\"n\": 3", "\"n\": 1", StringComparison.Ordinal))));
        Assert.Equal(first.GetProperty("system_fingerprint").GetString(), again.GetProperty("system_fingerprint").GetString());
    }

    [Fact]
    public async Task Post_SeedsNegativeAndLarge_AreSeeds()
    {
        const string Fields = "\"max_tokens\": 12, \"temperature\": 1, \"ignore_eos\": true, \"seed\": ";
        string least = Text(await gateway.Http.CompleteAsync(Fields + long.MinValue));
        string most = Text(await gateway.Http.CompleteAsync(Fields + long.MaxValue));

        Assert.NotEqual(least, most);
        Assert.Equal(least, Text(await gateway.Http.CompleteAsync(Fields + long.MinValue)));
    }

    [Fact]
    public async Task Post_SeveralPrompts_NumbersChoicesByPrompt()
    {
        JsonElement one = await gateway.Http.CompleteAsync("\"max_tokens\": 8, \"ignore_eos\": true, \"prompt\": \"My lord\"");
        JsonElement two = await gateway.Http.CompleteAsync("\"max_tokens\": 8, \"ignore_eos\": true");
        JsonElement both = await gateway.Http.CompleteAsync("\"max_tokens\": 8, \"ignore_eos\": true, \"n\": 2, \"prompt\": [\"My lord\", \"Once more\"]");

        Assert.Equal([Text(one), Text(one), Text(two), Text(two)], Texts(both));
        Assert.Equal([0, 1, 2, 3], both.GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("index").GetInt32()));
        Assert.Equal(Usage(one).Prompt + Usage(two).Prompt, Usage(both).Prompt);
        Assert.Equal(32, Usage(both).Completion);
    }

    [Fact]
    public async Task Post_PromptsOfIds_AreSeveral()
    {
        string ids = string.Join(',', gateway.Golden.Ids);
        JsonElement answer = await gateway.Http.CompleteAsync($"\"max_tokens\": 4, \"prompt\": [[{ids}], [{ids}]]");

        Assert.Equal(2, answer.GetProperty("choices").GetArrayLength());
    }

    [Fact]
    public async Task Post_Echo_BeginsWithThePromptAsGiven()
    {
        JsonElement answer = await gateway.Http.CompleteAsync("\"max_tokens\": 1, \"echo\": true, \"prompt\": \"<|bos|>Öl 🙂\", \"logit_bias\": {\"2\": 100}");

        Assert.Equal("<|bos|>Öl 🙂!", Text(answer));
    }

    [Theory]
    [InlineData("false", "")]
    [InlineData("true", "Once more")]
    public async Task Post_NoTokens_AnswersWithThePromptAlone(string echo, string expected)
    {
        JsonElement answer = await gateway.Http.CompleteAsync($"\"max_tokens\": 0, \"echo\": {echo}");

        Assert.Equal(expected, Text(answer));
        Assert.Equal("length", Finish(answer));
        Assert.Equal((5, 0, 5), Usage(answer));
    }

    [Theory]
    [InlineData("\"temperature\": 1, \"top_p\": 0, \"seed\": 1")]
    [InlineData("\"temperature\": 1, \"top_k\": 1, \"seed\": 1")]
    [InlineData("\"temperature\": 0.0001, \"top_k\": -1, \"seed\": 1")]
    [InlineData("\"temperature\": 1e-30, \"seed\": 1")]
    [InlineData("\"temperature\": 1e-300, \"seed\": 1")]
    [InlineData("\"temperature\": 0, \"top_k\": 0, \"top_p\": 1, \"min_p\": 0, \"presence_penalty\": 0, \"frequency_penalty\": 0, \"repetition_penalty\": 1")]
    public async Task Post_SamplingThatLeavesTheTopToken_IsGreedy(string fields)
    {
        JsonElement greedy = await gateway.Http.CompleteAsync("\"max_tokens\": 30, \"ignore_eos\": true");
        JsonElement answer = await gateway.Http.CompleteAsync("\"max_tokens\": 30, \"ignore_eos\": true, " + fields);

        Assert.Equal(Text(greedy), Text(answer));
    }

    [Fact]
    public async Task Post_TopKZeroAndMinusOne_AreBothOff()
    {
        const string Fields = "\"max_tokens\": 30, \"ignore_eos\": true, \"temperature\": 2, \"seed\": 3, \"top_k\": ";

        Assert.Equal(Text(await gateway.Http.CompleteAsync(Fields + "0")), Text(await gateway.Http.CompleteAsync(Fields + "-1")));
        Assert.NotEqual(Text(await gateway.Http.CompleteAsync(Fields + "1")), Text(await gateway.Http.CompleteAsync(Fields + "0")));
    }

    [Fact]
    public async Task Post_UnknownAndNullFields_AreIgnored()
    {
        JsonElement plain = await gateway.Http.CompleteAsync("\"max_tokens\": 8");
        JsonElement answer = await gateway.Http.CompleteAsync("""
            "max_tokens": 8, "user": "someone", "metadata": {"a": "b"}, "store": true, "made_up": [1, 2], "MAX_TOKENS": 1,
            "n": null, "stop": null, "stream": null, "stream_options": null, "echo": null, "logprobs": null, "best_of": null, "suffix": null,
            "logit_bias": null, "seed": null, "top_p": null, "top_k": null, "min_p": null, "presence_penalty": null, "frequency_penalty": null,
            "repetition_penalty": null, "min_tokens": null, "ignore_eos": null, "stop_token_ids": null, "tools": null, "response_format": null
            """);

        Assert.Equal(Text(plain), Text(answer));
    }

    [Fact]
    public async Task Post_ValuesThatAskForNothing_AreAccepted() => await gateway.Http.CompleteAsync("""
        "best_of": 1, "suffix": "", "response_format": {"type": "text"}, "use_beam_search": false, "include_stop_str_in_output": false,
        "skip_special_tokens": true, "add_special_tokens": true
        """);

    internal static string Text(JsonElement answer) => answer.GetProperty("choices")[0].GetProperty("text").GetString()!;

    internal static string[] Texts(JsonElement answer) =>
        [.. answer.GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("text").GetString()!)];

    internal static string? Finish(JsonElement answer) => answer.GetProperty("choices")[0].GetProperty("finish_reason").GetString();

    internal static (int Prompt, int Completion, int Total) Usage(JsonElement answer)
    {
        JsonElement usage = answer.GetProperty("usage");
        return (usage.GetProperty("prompt_tokens").GetInt32(), usage.GetProperty("completion_tokens").GetInt32(), usage.GetProperty("total_tokens").GetInt32());
    }
}
