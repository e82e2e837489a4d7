using System.Text.Json;
using DistributedGpt.Tests;

namespace DistributedGpt.Models.Tests;

public sealed class BpeTrainerTests
{
    private static readonly string Shakespeare = File.ReadAllText(TestData.Find("tinyshakespeare.txt"));

    [Fact]
    public void Train_OnTheGoldensText_GivesTheirMerges()
    {
        // The golden folders' tokenizer was trained by Hugging Face tokenizers, with one special token more.
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(TestData.Find("golden", "gpt2", "tokenizer.json")));
        string[] expected = [.. golden.RootElement.GetProperty("model").GetProperty("merges").EnumerateArray()
            .Select(merge => merge.ValueKind == JsonValueKind.Array ? $"{merge[0]} {merge[1]}" : merge.GetString()!)];

        TrainedTokenizer trained = Train(Shakespeare, 379);

        Assert.Equal(expected, trained.Merges.Select(merge => $"{merge.Left} {merge.Right}"));
    }

    [Fact]
    public void Save_TrainedTokenizer_LoadsAndRoundTrips()
    {
        using var folder = new TemporaryFolder();
        TrainedTokenizer trained = Train(Shakespeare, 1024);
        trained.Save(folder.Path, contextLength: 256);
        using var tokenizer = Tokenizer.Load(folder.Path);

        Assert.Equal(1024, trained.VocabularySize);
        Assert.Equal(1024, tokenizer.VocabularySize);
        Assert.True(tokenizer.IsSpecial(0));
        int[] ids = tokenizer.EncodePrompt(Shakespeare);
        Assert.Equal(Shakespeare, tokenizer.Decode(ids));
        Assert.InRange(ids.Length, 1, Shakespeare.Length / 2);
        string strange = "naïve 😀 \0\u0085\t  \r\n ₤5 ½ ٣'lls 'S \ufffd";
        Assert.Equal(strange, tokenizer.Decode(tokenizer.EncodePlain(strange)));
        Assert.Equal([0], tokenizer.EncodePrompt("<|endoftext|>"));
    }

    [Theory]
    [InlineData("", 257)]
    [InlineData("aaaa", 258)]
    [InlineData("ab abc", 258)]
    [InlineData("aaaaaaaa aaaaaaaa", 260)]
    public void Train_TextWithoutFurtherRepeatedPairs_StopsEarly(string text, int expected) =>
        Assert.Equal(expected, Train(text, 1000).VocabularySize);

    [Fact]
    public void Train_VocabularyBelowTheBytes_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Train("text", 256));

    [Fact]
    public void Train_Cancelled_Throws() =>
        Assert.Throws<OperationCanceledException>(() => BpeTrainer.Train("text", 300, new CancellationToken(true)));

    private static TrainedTokenizer Train(string text, int vocabularySize) =>
        BpeTrainer.Train(text, vocabularySize, TestContext.Current.CancellationToken);
}
