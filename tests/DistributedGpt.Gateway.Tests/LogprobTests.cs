using System.Text;
using System.Text.Json;

namespace DistributedGpt.Gateway.Tests;

public sealed class LogprobTests(GatewayFixture gateway)
{
    [Fact]
    public async Task Post_Logprobs_HasTheCompletionsShape()
    {
        JsonElement answer = await gateway.Http.CompleteAsync("\"max_tokens\": 3, \"ignore_eos\": true, \"logprobs\": 2");
        JsonElement logprobs = answer.GetProperty("choices")[0].GetProperty("logprobs");

        Assert.Equal([" w", "<", " m"], Strings(logprobs.GetProperty("tokens")));
        Assert.Equal([0, 2, 3], Integers(logprobs.GetProperty("text_offset")));
        double[] chosen = [.. logprobs.GetProperty("token_logprobs").EnumerateArray().Select(value => value.GetDouble())];
        Assert.All(chosen, value => Assert.InRange(value, -20, 0));
        for (int i = 0; i < 3; i++)
        {
            JsonProperty[] top = [.. logprobs.GetProperty("top_logprobs")[i].EnumerateObject()];
            Assert.Equal(2, top.Length);

            // Greedy: the chosen token is the best one.
            Assert.Equal(logprobs.GetProperty("tokens")[i].GetString(), top[0].Name);
            Assert.Equal(chosen[i], top[0].Value.GetDouble());
            Assert.True(top[1].Value.GetDouble() < chosen[i]);
        }
    }

    [Fact]
    public async Task Post_LogprobsZero_IsNotOff()
    {
        JsonElement answer = await gateway.Http.CompleteAsync("\"max_tokens\": 1, \"ignore_eos\": true, \"logprobs\": 0");
        JsonElement logprobs = answer.GetProperty("choices")[0].GetProperty("logprobs");

        Assert.Equal(1, logprobs.GetProperty("tokens").GetArrayLength());
        Assert.Single(logprobs.GetProperty("top_logprobs")[0].EnumerateObject());
    }

    [Fact]
    public async Task Post_ATokenThatIsNoneOfTheBest_IsListedBesideThem()
    {
        JsonElement answer = await gateway.Http.CompleteAsync("\"max_tokens\": 1, \"logprobs\": 1, \"logit_bias\": {\"2\": 100}");
        JsonElement logprobs = answer.GetProperty("choices")[0].GetProperty("logprobs");
        JsonElement top = logprobs.GetProperty("top_logprobs")[0];

        Assert.Equal("!", logprobs.GetProperty("tokens")[0].GetString());
        Assert.Equal([" w", "!"], top.EnumerateObject().Select(item => item.Name));

        // The model's own distribution: the bias does not show.
        Assert.True(logprobs.GetProperty("token_logprobs")[0].GetDouble() < top.GetProperty(" w").GetDouble());
    }

    [Theory]
    [InlineData("\"top_k\": 1, \"temperature\": 1")]
    [InlineData("\"logit_bias\": {\"2\": -100}")]
    public async Task Post_RestrictedSampling_HasFiniteLogprobs(string fields)
    {
        JsonElement answer = await gateway.Http.CompleteAsync("\"max_tokens\": 4, \"ignore_eos\": true, \"logprobs\": 5, " + fields);
        JsonElement top = answer.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("top_logprobs");

        Assert.All(top.EnumerateArray().SelectMany(item => item.EnumerateObject()), item => Assert.InRange(item.Value.GetDouble(), -9999, 0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_CharactersOfSeveralBytes_CountsOffsetsInCodePoints(bool stream)
    {
        // The model continues with single bytes of characters among whole ones.
        const string Fields = "\"max_tokens\": 40, \"ignore_eos\": true, \"logprobs\": 0, \"temperature\": 2, \"seed\": 11, \"n\": 2";
        for (int choice = 0; choice < 2; choice++)
        {
            (string text, string[] tokens, int[] offsets) = stream
                ? Join(await gateway.Http.StreamAsync(Fields), choice)
                : Read((await gateway.Http.CompleteAsync(Fields)).GetProperty("choices")[choice]);
            Assert.Equal(40, tokens.Length);
            int before = 0;
            bool begun = false;
            for (int i = 0; i < tokens.Length; i++)
            {
                Assert.InRange(offsets[i], 0, text.EnumerateRunes().Count());
                Assert.Equal(before, offsets[i]);
                before += FirstBytes(tokens[i]);
                begun |= tokens[i].StartsWith("bytes:", StringComparison.Ordinal);
            }

            Assert.True(begun, "no token was a part of a character");
        }
    }

    private static (string Text, string[] Tokens, int[] Offsets) Read(JsonElement choice) => (
        choice.GetProperty("text").GetString()!,
        Strings(choice.GetProperty("logprobs").GetProperty("tokens")),
        Integers(choice.GetProperty("logprobs").GetProperty("text_offset")));

    private static (string Text, string[] Tokens, int[] Offsets) Join(JsonElement[] chunks, int index)
    {
        (string Text, string[] Tokens, int[] Offsets)[] parts = [.. chunks
            .Select(chunk => chunk.GetProperty("choices")[0])
            .Where(choice => choice.GetProperty("index").GetInt32() == index && choice.GetProperty("logprobs").ValueKind == JsonValueKind.Object)
            .Select(Read)];
        return (string.Concat(parts.Select(part => part.Text)), [.. parts.SelectMany(part => part.Tokens)], [.. parts.SelectMany(part => part.Offsets)]);
    }

    private static int FirstBytes(string token)
    {
        byte[] bytes = token.StartsWith("bytes:", StringComparison.Ordinal)
            ? Convert.FromHexString(token["bytes:".Length..].Replace("\\x", "", StringComparison.Ordinal))
            : token is "<|endoftext|>" or "<|bos|>" ? [] : Encoding.UTF8.GetBytes(token);
        return bytes.Count(value => (value & 0xC0) != 0x80);
    }

    private static string[] Strings(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetString()!)];

    private static int[] Integers(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetInt32())];
}
