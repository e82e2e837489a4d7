using DistributedGpt.Tests;

namespace DistributedGpt.Models.Tests;

public sealed class ParameterCountsTests
{
    private const string Gpt3 = """
        {"model_type": "gpt2", "n_layer": 96, "n_embd": 12288, "n_head": 96, "vocab_size": 50257, "n_positions": 2048}
        """;

    [Fact]
    public void Total_ShapeOfGpt3_GivesTheKnownFigures()
    {
        ModelConfig config = ReadConfig(Gpt3);
        ParameterCounts counts = new(config);
        Assert.Equal((128, 49152), (config.HeadSize, config.IntermediateSize));
        Assert.Equal(6_291_456, counts.Head.Total);
        Assert.Equal(603_979_776, counts.Layer.Attention);
        Assert.Equal(57_982_058_496, counts.Attention);
        Assert.Equal(115_964_116_992, counts.Mlp);
        Assert.Equal(617_558_016, counts.TokenEmbedding);
        Assert.Equal(25_165_824, counts.PositionEmbedding);
        Assert.Equal(24_576, counts.FinalNorm);
        Assert.Equal(0, counts.Unembedding);
        Assert.Equal(174_604_259_328, counts.Total);
        Assert.Equal(349_208_518_656, counts.Bytes(TensorType.BFloat16));
        Assert.Equal(175_221_817_344, new ParameterCounts(config with { TiedEmbeddings = false }).Total);
        Assert.Equal(2 * 96 * 12288 * 4, counts.KeyValueBytesPerToken(TensorType.Float32));
        Assert.Equal(174_563_733_504, counts.MatrixMultiplyAddsPerToken);
        Assert.Equal((UInt128)(2L * 96 * 12288 * 6), counts.AttentionMultiplyAdds(3));
        Assert.Equal((UInt128)(2048L * 2049 / 2 * 2 * 96 * 12288), counts.AttentionMultiplyAdds(2048));
    }

    [Theory]
    [MemberData(nameof(GoldenFolderTests.Supported), MemberType = typeof(GoldenFolderTests))]
    public void Total_GoldenFolder_IsWhatItsFilesHold(string name)
    {
        using ModelFolder folder = ModelFolder.Open(TestData.Find("golden", name));
        int bytesOfOne = folder.Config.WeightType == TensorType.Float32 ? 4 : 2;
        long stored = folder.WeightFiles.Sum(file =>
        {
            byte[] bytes = File.ReadAllBytes(Path.Combine(folder.Path, file));
            return bytes.Length - 8 - BitConverter.ToInt64(bytes);
        });
        ParameterCounts counts = new(folder.Config);
        Assert.Equal(stored / bytesOfOne, counts.Total);
        Assert.Equal(counts.Total * (folder.Config.WeightType == TensorType.BFloat16 ? 2 : 4), folder.TotalWeightBytes);
        Assert.Equal(counts.Layer.Total * (folder.Config.WeightType == TensorType.BFloat16 ? 2 : 4), folder.WeightBytes(0));
    }

    private static ModelConfig ReadConfig(string json)
    {
        string path = Path.GetTempFileName();
        File.WriteAllText(path, json);
        try
        {
            return ModelFolder.ReadConfig(path);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
