using System.Text;
using CsCheck;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Tests;

namespace DistributedGpt.Client.Tests;

public sealed class TextStreamTests : IDisposable
{
    private const int Alphabet = 10;

    private readonly Tokenizer _tokenizer = Tokenizer.Load(TestData.Find("golden", "gpt2"));
    private readonly int[] _ids;

    public TextStreamTests()
    {
        // Letters, a token of two letters, the four bytes of an emoji one by one, a special token and an id without a token.
        _ids =
        [
            .. new[] { "a", "b", "e", "he" }.Select(token => _tokenizer.FindId(token)!.Value),
            .. _tokenizer.EncodePlain("😀"), 0, 383,
        ];
        Assert.Equal(Alphabet, _ids.Length);
    }

    private static Gen<string[]> Stops { get; } =
        Gen.OneOf(Gen.Char["abeh"].Array[1, 5].Select(letters => new string(letters)), Gen.OneOf("😀", "a😀", "😀b", "aba", "abab", "bb", "ehe"))
            .Array[0, 4];

    private static Gen<int[]> Tokens { get; } = Gen.Int[0, Alphabet - 1].Array[0, 40];

    [Fact]
    public void Push_AnyTokensAndStops_GivesTheTextBeforeTheFirstStop() =>
        Gen.Select(Tokens, Stops, Gen.Int[0, 6]).Sample((picks, stops, minTokens) =>
        {
            int[] ids = [.. picks.Select(pick => _ids[pick])];
            (string expected, int length, bool stopped) = Search(ids, stops, minTokens);
            TextStream stream = Start(stops, minTokens);
            var text = new StringBuilder();
            var tokens = new List<int>();
            FinishReason finish = FinishReason.None;
            for (int i = 0; i < ids.Length && finish == FinishReason.None; i++)
                Take(stream.Push(new GeneratedToken(ids[i], null)));
            if (finish == FinishReason.None)
                Take(stream.End(FinishReason.Length));

            Assert.Equal(expected, text.ToString());
            Assert.Equal(ids[..length], tokens);
            Assert.Equal(stopped ? FinishReason.Stop : FinishReason.Length, finish);
            Assert.Equal("", stream.Push(new GeneratedToken(ids.FirstOrDefault(), null)).Text);

            void Take(CompletionChunk chunk)
            {
                text.Append(chunk.Text);
                tokens.AddRange(chunk.Tokens.Select(token => token.Id));
                finish = chunk.Finish;
                Assert.StartsWith(text.ToString(), expected, StringComparison.Ordinal);
            }
        });

    [Fact]
    public void Push_NoStopYet_HoldsOnlyWhatBeginsAStop() =>
        Gen.Select(Tokens, Stops).Sample((picks, stops) =>
        {
            TextStream stream = Start(stops);
            var decoder = new StreamingDecoder(_tokenizer);
            var certain = new StringBuilder();
            var released = new StringBuilder();
            foreach (int id in picks.Select(pick => _ids[pick]))
            {
                certain.Append(decoder.Push(id));
                CompletionChunk chunk = stream.Push(new GeneratedToken(id, null));
                if (chunk.Finish != FinishReason.None)
                    return;
                released.Append(chunk.Text);
                string text = certain.ToString();
                int held = Enumerable.Range(0, text.Length + 1).First(start => start == text.Length
                    || stops.Any(stop => stop.Length > text.Length - start && stop.StartsWith(text[start..], StringComparison.Ordinal)));
                Assert.Equal(text[..held], released.ToString());
            }
        });

    [Theory]
    [InlineData("ab", "b")]
    [InlineData("b", "ab")]
    public void Push_TwoStopsEndTogether_CutsBeforeTheLonger(string first, string second)
    {
        TextStream stream = Start([first, second]);
        Assert.Equal("a", Push(stream, "a").Text + Push(stream, "a").Text);
        Assert.Equal(("", FinishReason.Stop), (Push(stream, "b") is var last ? last.Text : null, last.Finish));
    }

    [Fact]
    public void Push_LastTokenCompletesAStop_FinishesWithStop()
    {
        TextStream stream = Start(["ab"]);
        Assert.Equal("", Push(stream, "a").Text);
        CompletionChunk last = stream.Push(new GeneratedToken(_tokenizer.FindId("b")!.Value, null), FinishReason.Length);
        Assert.Equal(("", FinishReason.Stop, 2), (last.Text, last.Finish, last.Tokens.Count));
    }

    [Fact]
    public void Push_LastTokenWithoutStop_ReleasesWhatWasHeldWithItsTokens()
    {
        TextStream stream = Start(["abc"]);
        Assert.Empty(Push(stream, "a").Tokens);
        CompletionChunk last = stream.Push(new GeneratedToken(_tokenizer.FindId("b")!.Value, null), FinishReason.Length);
        Assert.Equal(("ab", FinishReason.Length, 2), (last.Text, last.Finish, last.Tokens.Count));
    }

    [Fact]
    public void End_InsideACharacter_DropsIt()
    {
        TextStream stream = Start(["ab"]);
        int[] emoji = _tokenizer.EncodePlain("😀");
        Assert.Equal("", Push(stream, "a").Text);
        Assert.Equal("", stream.Push(new GeneratedToken(emoji[0], null)).Text);
        CompletionChunk last = stream.Push(new GeneratedToken(emoji[1], null), FinishReason.Length);
        Assert.Equal(("a", 3, FinishReason.Length), (last.Text, last.Tokens.Count, last.Finish));
    }

    [Fact]
    public void Push_Logprobs_ComeOnceWithTheirText()
    {
        TextStream stream = Start(["bb"]);
        var logprobs = new TokenLogprobs(-1, [], []);
        Assert.Empty(stream.Push(new GeneratedToken(_tokenizer.FindId("b")!.Value, logprobs)).Tokens);
        CompletionChunk chunk = Push(stream, "a");
        Assert.Equal("ba", chunk.Text);
        Assert.Same(logprobs, chunk.Tokens[0].Logprobs);
        Assert.Null(chunk.Tokens[1].Logprobs);
    }

    [Fact]
    public void Constructor_EmptyStop_IsRefused() => Assert.Throws<ArgumentException>(() => Start([""]));

    public void Dispose() => _tokenizer.Dispose();

    private CompletionChunk Push(TextStream stream, string token) => stream.Push(new GeneratedToken(_tokenizer.FindId(token)!.Value, null));

    private TextStream Start(string[] stops, int minTokens = 0)
    {
        var request = new GenerateRequest { Id = Guid.NewGuid(), PromptIds = [], MaxTokens = 100, Sampling = new SamplingOptions { MinTokens = minTokens } };
        return new TextStream(_tokenizer, request, 0, stops);
    }

    /// <summary>The slow way: after each token, and at the end, search the whole text for the stop that ends first (the longest of those).</summary>
    private (string Text, int Tokens, bool Stopped) Search(int[] ids, string[] stops, int minTokens)
    {
        var decoder = new StreamingDecoder(_tokenizer);
        string text = "";
        int searched = 0;
        for (int count = 1; count <= ids.Length + 1; count++)
        {
            bool end = count > ids.Length;
            text += end ? decoder.Flush(dropIncomplete: true) : decoder.Push(ids[count - 1]);
            if (Math.Min(count, ids.Length) >= minTokens)
            {
                for (int to = searched + 1; to <= text.Length; to++)
                {
                    string? stop = stops.Where(stop => text[..to].EndsWith(stop, StringComparison.Ordinal)).MaxBy(stop => stop.Length);
                    if (stop is not null)
                        return (text[..(to - stop.Length)], Math.Min(count, ids.Length), true);
                }
            }

            searched = text.Length;
        }

        return (text, ids.Length, false);
    }
}
