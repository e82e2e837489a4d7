using System.CommandLine;
using DistributedGpt.Models;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cli;

/// <summary><c>dgpt train</c>: a tokenizer and a GPT-2 from a text, as a model folder that the other commands take.</summary>
internal static class TrainCommand
{
    /// <summary>The command.</summary>
    public static Command Build()
    {
        var defaults = new TrainingOptions();
        var data = new Option<string>("--data") { HelpName = "FILE", Description = "The text, UTF-8. The last 10 % are held out and only measured.", Required = true };
        var output = new Option<string>("--out") { HelpName = "DIR", Description = "The model folder to write.", Required = true };
        var resume = new Option<bool>("--resume") { Description = "Go on from the checkpoint in the folder, or from its weights." };
        Option<int?> layers = Integer("--layers", $"Decoder layers. Default: {defaults.Layers}.", 1);
        Option<int?> hidden = Integer("--hidden", $"Width. Default: {defaults.Hidden}.", 1);
        Option<int?> heads = Integer("--heads", $"Attention heads. Default: {defaults.Heads}.", 1);
        Option<int?> context = Integer("--context", $"Context in tokens. Default: {defaults.Context}.", 2);
        Option<int?> vocabulary = Integer("--vocabulary", $"Entries of the tokenizer. Default: {defaults.Vocabulary}.", BpeTrainer.SmallestVocabulary);
        Option<int?> steps = Integer("--steps", $"Steps. Default: {defaults.Steps}.", 1);
        Option<int?> batch = Integer("--batch", $"Sequences per step. Default: {defaults.Batch}.", 1);
        Option<int?> warmup = Integer("--warmup-steps", $"Steps in which the learning rate rises. Default: {defaults.WarmupSteps}.", 0);
        Option<int?> interval = Integer("--evaluation-interval", $"Steps between two evaluations. Default: {defaults.EvaluationInterval}.", 1);
        Option<int?> copying = Integer("--copying-steps", $"First steps (a tenth at most), on random phrases that repeat themselves. Default: {defaults.CopyingSteps}.", 0);
        var bf16 = new Option<bool>("--bf16") { Description = "Products in bfloat16: faster where the processor has instructions for them." };
        Option<string?> device = SharedOptions.Device();
        Option<int?> threads = Integer("--threads", "Threads. Default: one per core.", 1);
        Option<int?> seed = Integer("--seed", $"Seed of weights, order and dropout. Default: {defaults.Seed}.");
        Option<double?> rate = Number("--learning-rate", $"The highest learning rate. Default: {defaults.LearningRate}.");
        Option<double?> decay = Number("--weight-decay", $"Weight decay. Default: {defaults.WeightDecay}.");
        Option<double?> clip = Number("--gradient-clip", $"Limit of the gradient's norm. Default: {defaults.GradientClip}.");
        Option<double?> dropout = Number("--dropout", $"Dropout. Default: {defaults.Dropout}.");
        Option<double?> mergeDropout = Number("--merge-dropout", $"Chance that a merge is left out (BPE-dropout). Default: {defaults.MergeDropout}.");
        Option<double?> renaming = Number("--renaming", $"Share of the names in capitals that each epoch replaces by invented ones. Default: {defaults.Renaming}.");
        var command = new Command("train", "Train a small GPT-2 on a text.")
        {
            data, output, resume, layers, hidden, heads, context, vocabulary, steps, batch, warmup, copying, interval, bf16, device, threads, seed, rate, decay, clip, dropout, mergeDropout, renaming,
        };
        command.SetAction(result => RunAsync(
            result.GetRequiredValue(data),
            result.GetRequiredValue(output),
            new TrainingOptions
            {
                Resume = result.GetValue(resume),
                Layers = result.GetValue(layers) ?? defaults.Layers,
                Hidden = result.GetValue(hidden) ?? defaults.Hidden,
                Heads = result.GetValue(heads) ?? defaults.Heads,
                Context = result.GetValue(context) ?? defaults.Context,
                Vocabulary = result.GetValue(vocabulary) ?? defaults.Vocabulary,
                Steps = result.GetValue(steps) ?? defaults.Steps,
                Batch = result.GetValue(batch) ?? defaults.Batch,
                WarmupSteps = result.GetValue(warmup) ?? defaults.WarmupSteps,
                CopyingSteps = result.GetValue(copying) ?? defaults.CopyingSteps,
                EvaluationInterval = result.GetValue(interval) ?? defaults.EvaluationInterval,
                BFloat16Products = result.GetValue(bf16),
                Device = result.GetValue(device) ?? defaults.Device,
                Threads = result.GetValue(threads) ?? defaults.Threads,
                Seed = result.GetValue(seed) ?? defaults.Seed,
                LearningRate = result.GetValue(rate) ?? defaults.LearningRate,
                WeightDecay = result.GetValue(decay) ?? defaults.WeightDecay,
                GradientClip = result.GetValue(clip) ?? defaults.GradientClip,
                Dropout = result.GetValue(dropout) ?? defaults.Dropout,
                MergeDropout = result.GetValue(mergeDropout) ?? defaults.MergeDropout,
                Renaming = result.GetValue(renaming) ?? defaults.Renaming,
            }));
        return command;
    }

    private static async Task<int> RunAsync(string data, string output, TrainingOptions options)
    {
        using var signals = new TerminationSignals();
        var trainer = new Trainer(options, output);
        if (!File.Exists(data)) throw new InputException($"--data: there is no file {data}");
        string text = await File.ReadAllTextAsync(data, signals.Requested);
        try
        {
            using var line = new ProgressLine();
            TrainingResult result = await Task.Run(() => trainer.Run(text, new TrainingReport(line), signals.Requested));
            line.Dispose();
            Console.WriteLine($"{output}: {result.Parameters:N0} parameters, {result.SelectionLoss:F4} nats per character where it was selected, {result.HeldOutLoss:F4} held out");
            return 0;
        }
        catch (OperationCanceledException) when (signals.Requested.IsCancellationRequested)
        {
            Console.Error.WriteLine($"stopped; --resume goes on from the checkpoint in {output}");
            return signals.ExitCode;
        }
    }

    private static Option<int?> Integer(string name, string description, int minimum = int.MinValue) =>
        new(name) { HelpName = "N", Description = description, CustomParser = Values.IntegerIn(minimum, int.MaxValue) };

    private static Option<double?> Number(string name, string description) => new(name) { HelpName = "X", Description = description, CustomParser = Values.Number };

    private sealed class TrainingReport(ProgressLine line) : IProgress<TrainingProgress>
    {
        private string _selection = "";

        public void Report(TrainingProgress value)
        {
            if (value.SelectionLoss is { } loss) _selection = $", {loss:F3} nats per character on the selection slice";
            line.Show($"step {value.Step} of {value.Steps}, loss {value.Loss:F3} nats per token{_selection}, {value.TokensPerSecond:N0} tokens/s");
        }
    }
}
