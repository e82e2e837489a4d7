using System.CommandLine;
using DistributedGpt.Models;
using Spectre.Console;

namespace DistributedGpt.Cli;

/// <summary><c>dgpt info</c>: what a model is, where its parameters are and what its context costs, from its configuration alone.</summary>
internal static class InfoCommand
{
    /// <summary>The command.</summary>
    public static Command Build()
    {
        var model = new Option<string>("--model") { HelpName = "DIR", Description = "A model folder. Default: the small model that ships with the program." };
        var config = new Option<string>("--config") { HelpName = "FILE", Description = "A config.json, instead of a folder; no weights are needed." };
        var command = new Command("info", "Show a model's shape, its parameters and what it costs.") { model, config };
        command.SetAction(result => Run(result.GetValue(config), result.GetValue(model)));
        return command;
    }

    /// <summary>The configuration that a user names by itself or by its model's folder; else that of the model that ships with the program.</summary>
    public static string ConfigPath(string? configFile, string? folder)
    {
        if (configFile is not null && folder is not null) throw new InputException("give either --model or --config");
        return configFile ?? Path.Combine(folder ?? BundledModel.Find(), "config.json");
    }

    private static int Run(string? configFile, string? folder)
    {
        ModelConfig config = ModelFolder.ReadConfig(ConfigPath(configFile, folder));
        var counts = new ParameterCounts(config);
        IAnsiConsole console = Report.CreateConsole();
        console.Write(Shape(config));
        console.Write(Parameters(config, counts));
        console.Write(Memory(config, counts));
        console.Write(Context(config, counts));
        return 0;
    }

    private static Table Shape(ModelConfig config)
    {
        Table table = Report.CreateTable($"{config.ModelType}", "shape", "");
        table.AddRow("layers", Report.Number((UInt128)config.LayerCount));
        table.AddRow("width (hidden)", Report.Number((UInt128)config.HiddenSize));
        string heads = config.KeyValueHeadCount == config.HeadCount ? "" : $", {config.KeyValueHeadCount} for keys and values";
        table.AddRow("attention heads", $"{config.HeadCount} of {config.HeadSize}{heads}");
        table.AddRow("MLP", $"{config.IntermediateSize:N0}, {config.Activation}{(config.GatedMlp ? ", gated" : "")}");
        table.AddRow("vocabulary", Report.Number((UInt128)config.VocabularySize));
        table.AddRow("context", $"{config.ContextLength:N0} tokens");
        table.AddRow("positions", config.Rotary is { } rotary ? $"rotary, base {rotary.Theta:N0}, {rotary.Scaling}" : "learned");
        table.AddRow("norm", $"{config.Norm}, epsilon {config.NormEpsilon:0.0#e-0}");
        table.AddRow("unembedding", config.TiedEmbeddings ? "tied to the embedding" : "separate");
        table.AddRow("stored in", config.WeightType.ToString());
        return table;
    }

    private static Table Parameters(ModelConfig config, ParameterCounts counts)
    {
        Table table = Report.CreateTable("parameters", "", "per head", "per layer", "all");
        LayerParameterCounts layer = counts.Layer;
        void Row(string name, long? head, long? perLayer, long all) => table.AddRow(
            name, head is { } h ? Report.Number((UInt128)h) : "", perLayer is { } l ? Report.Number((UInt128)l) : "", Report.Number((UInt128)all));
        void LayerRow(string name, long perLayer, long? head = null)
        {
            if (perLayer > 0) Row(name, head, perLayer, perLayer * config.LayerCount);
        }

        Row("token embedding", null, null, counts.TokenEmbedding);
        if (counts.PositionEmbedding > 0) Row("position embedding", null, null, counts.PositionEmbedding);
        LayerRow("query", layer.Query, counts.Head.Query);
        LayerRow("key", layer.Key, counts.Head.Key);
        LayerRow("value (value-down)", layer.Value, counts.Head.Value);
        LayerRow("output (value-up)", layer.Output, counts.Head.Output);
        LayerRow("attention weights", layer.Attention, counts.Head.Total);
        LayerRow("attention biases", layer.AttentionBiases);
        LayerRow("MLP gate", layer.Gate);
        LayerRow("MLP up", layer.Up);
        LayerRow("MLP down", layer.Down);
        LayerRow("MLP weights", layer.Mlp);
        LayerRow("MLP biases", layer.MlpBiases);
        LayerRow("norms", layer.Norms);
        LayerRow("layer", layer.Total);
        Row("final norm", null, null, counts.FinalNorm);
        Row("unembedding", null, null, counts.Unembedding);
        Row("total", null, null, counts.Total);
        bool tied = config.TiedEmbeddings;
        Row($"total with the unembedding {(tied ? "separate" : "tied")}", null, null, new ParameterCounts(config with { TiedEmbeddings = !tied }).Total);
        return table;
    }

    private static Table Memory(ModelConfig config, ParameterCounts counts)
    {
        Table table = Report.CreateTable("memory", "", "float32", "bfloat16");
        table.AddRow("all parameters", Sized(counts.Bytes(TensorType.Float32)), Sized(counts.Bytes(TensorType.BFloat16)));
        long kv32 = counts.KeyValueBytesPerToken(TensorType.Float32), kv16 = counts.KeyValueBytesPerToken(TensorType.BFloat16);
        table.AddRow("KV cache per token", Sized(kv32), Sized(kv16));
        table.AddRow($"KV cache of the whole context, {config.ContextLength:N0} tokens", Sized(kv32 * config.ContextLength), Sized(kv16 * config.ContextLength));
        return table;
    }

    private static Table Context(ModelConfig config, ParameterCounts counts)
    {
        Table table = Report.CreateTable("a prompt of n tokens, in multiply-adds: attention grows with the square of n", "n", "attention", "matrices", "attention's share", "KV cache, float32");
        foreach (int tokens in Lengths(config.ContextLength))
        {
            UInt128 attention = counts.AttentionMultiplyAdds(tokens);
            UInt128 matrices = (UInt128)counts.MatrixMultiplyAddsPerToken * (UInt128)tokens;
            table.AddRow(
                $"{tokens:N0}", Report.Number(attention), Report.Number(matrices), $"{100 * (double)attention / ((double)attention + (double)matrices):F2} %",
                Report.Bytes((double)counts.KeyValueBytesPerToken(TensorType.Float32) * tokens));
        }

        return table;
    }

    /// <summary>The context and its parts by powers of four.</summary>
    private static int[] Lengths(int context) => [.. new[] { context / 64, context / 16, context / 4, context }.Where(length => length > 0).Distinct()];

    private static string Sized(long bytes) => $"{bytes:N0} B, {Report.Bytes(bytes)}";
}
