using DistributedGpt.Tests;

namespace DistributedGpt.Models.Tests;

public sealed class GoldenFolderTests
{
    public static TheoryData<string> Supported => new(TestData.SupportedGoldens);

    [Theory]
    [MemberData(nameof(Supported))]
    public void Open_SupportedFamily_GivesEveryTensorThatTheConfigurationAsksFor(string name)
    {
        using ModelFolder folder = ModelFolder.Open(TestData.Find("golden", name));
        Assert.Equal(name.Split('-')[0].TrimEnd('3') switch { "gpt2" => "gpt2", "qwen" => "qwen3", var family => family }, folder.Config.ModelType);
        foreach (ModelTensor tensor in Enum.GetValues<ModelTensor>())
            AssertShape(folder.Config.ShapeOf(tensor), folder.Find(tensor));
        for (int layer = 0; layer < folder.Config.LayerCount; layer++)
        {
            foreach (LayerTensor tensor in Enum.GetValues<LayerTensor>())
                AssertShape(folder.Config.ShapeOf(tensor), folder.Find(layer, tensor));
        }
    }

    [Theory]
    [InlineData("gemma", "config.json: model_type: expected one of gpt2, llama, mistral, qwen2, qwen3, found gemma")]
    [InlineData("gemma2", "config.json: model_type: expected one of gpt2, llama, mistral, qwen2, qwen3, found gemma2")]
    [InlineData("gemma3", "config.json: model_type: expected one of gpt2, llama, mistral, qwen2, qwen3, found gemma3_text")]
    [InlineData("gpt-neox", "config.json: model_type: expected one of gpt2, llama, mistral, qwen2, qwen3, found gpt_neox")]
    [InlineData("gpt-neox-sequential", "config.json: model_type: expected one of gpt2, llama, mistral, qwen2, qwen3, found gpt_neox")]
    [InlineData("gpt-oss", "config.json: model_type: expected one of gpt2, llama, mistral, qwen2, qwen3, found gpt_oss")]
    [InlineData("llama-yarn", "config.json: rope_parameters.rope_type: expected one of default, linear, llama3, found yarn")]
    [InlineData("mistral-window", "config.json: sliding_window: expected no window (null): sliding windows are not supported, found 16")]
    [InlineData("mixtral", "config.json: model_type: expected one of gpt2, llama, mistral, qwen2, qwen3, found mixtral")]
    [InlineData("olmo2", "config.json: model_type: expected one of gpt2, llama, mistral, qwen2, qwen3, found olmo2")]
    [InlineData("phi3", "config.json: model_type: expected one of gpt2, llama, mistral, qwen2, qwen3, found phi3")]
    [InlineData("phi3-longrope-partial", "config.json: model_type: expected one of gpt2, llama, mistral, qwen2, qwen3, found phi3")]
    [InlineData("qwen2-window", "config.json: layer_types: expected full_attention in every layer: windows and other kinds are not supported, found sliding_attention")]
    [InlineData("qwen3-moe", "config.json: model_type: expected one of gpt2, llama, mistral, qwen2, qwen3, found qwen3_moe")]
    [InlineData("qwen3-moe-unnormalised", "config.json: model_type: expected one of gpt2, llama, mistral, qwen2, qwen3, found qwen3_moe")]
    [InlineData("smollm3", "config.json: model_type: expected one of gpt2, llama, mistral, qwen2, qwen3, found smollm3")]
    public void Open_UnsupportedFamily_IsRefusedByName(string name, string message)
    {
        ModelFormatException error = Assert.Throws<ModelFormatException>(() => ModelFolder.Open(TestData.Find("golden", name)));
        Assert.Equal(message, error.Message);
    }

    private static void AssertShape(TensorShape? expected, TensorView? view)
    {
        Assert.Equal(expected is null, view is null);
        if (expected is null || view is null) return;
        Assert.Equal((expected.Value.Rows, expected.Value.Columns), (view.Value.Rows, view.Value.Columns));
        Assert.InRange(view.Value[view.Value.Rows - 1, view.Value.Columns - 1], -100f, 100f);
    }
}
