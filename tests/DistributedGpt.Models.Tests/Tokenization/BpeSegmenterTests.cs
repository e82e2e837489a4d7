using DistributedGpt.Models;

namespace DistributedGpt.Tests;

public sealed class BpeSegmenterTests : IDisposable
{
    private static readonly string s_text = File.ReadAllText(TestData.Find("tinyshakespeare.txt"))[..200_000] + "Ünïcödé 漢字 12,345 \t\n\n  x's I'LL\n";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public BpeSegmenterTests() => BpeTrainer.Train(s_text, 600).Save(_folder.FullName);

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Encode_WithoutDropout_GivesTheTokenizersIds()
    {
        using Tokenizer tokenizer = Tokenizer.Load(_folder.FullName);

        Assert.Equal(tokenizer.EncodePlain(s_text), BpeSegmenter.Open(_folder.FullName).Encode(s_text));
    }

    [Fact]
    public void Encode_WithDropout_CutsMoreFinelyAndDecodesToTheText()
    {
        using Tokenizer tokenizer = Tokenizer.Load(_folder.FullName);
        BpeSegmenter segmenter = BpeSegmenter.Open(_folder.FullName);

        int[] some = segmenter.Encode(s_text, 0.1, new Random(1)), other = segmenter.Encode(s_text, 0.1, new Random(2));

        Assert.NotEqual(some, other);
        Assert.Equal(some, segmenter.Encode(s_text, 0.1, new Random(1)));
        Assert.True(some.Length > segmenter.Encode(s_text).Length);
        Assert.Equal(s_text, tokenizer.Decode(some));
    }

    [Fact]
    public void Open_AnotherKindOfTokenizer_NamesTheFile()
    {
        string path = Path.Combine(_folder.FullName, "tokenizer.json");
        File.WriteAllText(path, "{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}");

        Assert.Contains(path, Assert.Throws<ModelFormatException>(() => BpeSegmenter.Open(_folder.FullName)).Message);
    }
}
