using System.Diagnostics;
using DistributedGpt.Models;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DistributedGpt.Transformer;

/// <summary>
/// Trains a tokenizer and a GPT-2 on a text and writes both as a Hugging Face model folder.
/// <para>
/// Every position predicts its next token. A step's sequences are divided among threads, each of which runs single-threaded
/// libtorch kernels forward and backward over modules that share the parameters; one thread then adds the gradients in a fixed
/// order, clips, and steps. So threads meet once a step rather than once an operation, and a seed decides the result. What
/// is evaluated and written is the running average of the parameters, whenever it is better on the selection slice.
/// </para>
/// </summary>
public sealed class Trainer
{
    private const double AverageDecay = 0.995;
    private const int ReportInterval = 10;
    private const int GpuSequencesPerPass = 64;

    // Few enough for a core's caches to hold what a pass makes.
    private const int CpuSequencesPerPass = 4;

    private readonly TrainingOptions _options;
    private readonly string _output;
    // Taken by Run: what names a device uses libtorch, which must be loaded before.
    private Device _device = null!;

    /// <summary>Prepares a training into the folder <paramref name="output"/>.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public Trainer(TrainingOptions options, string output)
    {
        options.Validate();
        _options = options;
        _output = output;
    }

    private string StatePath => Path.Combine(_output, "checkpoint.bin");

    /// <summary>Trains on <paramref name="text"/>, or goes on.</summary>
    /// <exception cref="ArgumentException">The text is too short.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; a checkpoint has been written.</exception>
    /// <exception cref="TorchUnavailableException">libtorch does not load, or has no such device.</exception>
    /// <exception cref="ModelFormatException">What is to be resumed is another model.</exception>
    /// <exception cref="InvalidDataException">The checkpoint to be resumed is of another model.</exception>
    public TrainingResult Run(string text, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        _device = TorchDevice.Open(_options.Device, new() { Threads = 1 });
        // Products by tensor cores: a training needs no more digits.
        if (_device.type == DeviceType.CUDA) backends.cuda.matmul.allow_tf32 = true;
        TrainingText parts = TrainingText.Split(text);
        if (!_options.Resume) BpeTrainer.Train(parts.Training + parts.Selection, _options.Vocabulary, cancellation).Save(_output, _options.Context);
        BpeSegmenter segmenter = BpeSegmenter.Open(_output);

        Gpt2Parameters parameters = new(_options, segmenter.VocabularySize);
        using TrainingState state = new(Start(parameters));
        if (_options.Resume && File.Exists(StatePath)) state.Restore(StatePath);
        Learn(parameters, state, parts, segmenter, progress, cancellation);

        // Measured on what the file holds.
        using Tensor read = Gpt2Folder.Read(_output, parameters), written = read.to(_device, copy: true);
        double heldOut = Evaluate(parameters, written, segmenter.Encode(parts.HeldOut), parts.HeldOut.Length);
        return new(parameters.Elements, state.Best, heldOut);
    }

    private int SequencesPerPass => _device.type == DeviceType.CUDA ? GpuSequencesPerPass : CpuSequencesPerPass;

    private int Workers => _device.type == DeviceType.CUDA ? 1 : Math.Min(_options.Threads, _options.Batch);

    private Tensor Start(Gpt2Parameters parameters)
    {
        using Tensor start = _options.Resume && !File.Exists(StatePath) ? Gpt2Folder.Read(_output, parameters) : parameters.Initialize(_options.Seed);
        return start.to(_device, copy: true);
    }

    private void Learn(Gpt2Parameters parameters, TrainingState state, TrainingText parts, BpeSegmenter segmenter,
        IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        TokenBatches batches = new(segmenter, parts.Training, _options, state.Position);
        int[] selection = segmenter.Encode(parts.Selection);
        Optimizer optimizer = new(parameters, _options.WeightDecay, state.Mean, state.Square);
        CosineSchedule schedule = new(_options.LearningRate, _options.WarmupSteps, _options.Steps);
        Gpt2Module[] modules = [.. Enumerable.Range(0, Workers).Select(_ => new Gpt2Module(_options, parameters, state.Values))];
        int copyingSteps = Math.Min(_options.CopyingSteps, _options.Steps / 10);
        double lossSum = 0;
        int reported = state.Step;
        Stopwatch watch = Stopwatch.StartNew();
        try
        {
            while (state.Step < _options.Steps)
            {
                if (cancellation.IsCancellationRequested)
                {
                    state.Save(StatePath);
                    cancellation.ThrowIfCancellationRequested();
                }
                int[][] batch = state.Step < copyingSteps ? RepeatedPhrases.Batch(_options, segmenter.VocabularySize, state.Step) : batches.Next();
                lossSum += Accumulate(modules, batch, state.Step);
                Update(state, modules[0].Gradients, optimizer, schedule);
                state.Position = batches.Position;
                bool evaluates = state.Step % _options.EvaluationInterval == 0 || state.Step == _options.Steps;
                if (!evaluates && state.Step % ReportInterval != 0) continue;

                double tokens = (state.Step - reported) * (double)_options.Batch * _options.Context;
                double tokensPerSecond = tokens / watch.Elapsed.TotalSeconds;
                double? selectionLoss = null;
                if (evaluates)
                {
                    selectionLoss = Evaluate(parameters, state.Average, selection, parts.Selection.Length);
                    if (selectionLoss < state.Best)
                    {
                        state.Best = selectionLoss.Value;
                        Gpt2Folder.Write(_output, _options, segmenter.VocabularySize, parameters, state.Average);
                    }
                    state.Save(StatePath);
                }
                progress?.Report(new(state.Step, _options.Steps, lossSum / (state.Step - reported), selectionLoss, tokensPerSecond));
                (lossSum, reported) = (0, state.Step);
                watch.Restart();
            }
        }
        finally
        {
            foreach (Gpt2Module module in modules) module.Dispose();
        }
    }

    /// <summary>Moves the parameters and their average by one step.</summary>
    private void Update(TrainingState state, Tensor gradients, Optimizer optimizer, CosineSchedule schedule)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        double norm = gradients.norm().item<float>();
        using Scalar clip = Math.Min(1, _options.GradientClip / norm);
        gradients.mul_(clip);
        optimizer.Step(state.Values, gradients, schedule.At(state.Step), state.Step + 1);
        state.Step++;
        // At first an average over few steps, for the beginning is far away.
        double decay = Math.Min(AverageDecay, state.Step / (state.Step + 10.0));
        using Scalar kept = decay, added = 1 - decay;
        state.Average.mul_(kept).add_(state.Values, alpha: added);
    }

    /// <summary>Leaves the gradient of the batch's mean loss in the first module; returns that loss.</summary>
    private double Accumulate(Gpt2Module[] modules, int[][] batch, int step)
    {
        double[] losses = new double[modules.Length];
        InParallel(modules.Length, worker =>
        {
            int from = worker * batch.Length / modules.Length, to = (worker + 1) * batch.Length / modules.Length;
            Gpt2Module module = modules[worker];
            module.Gradients.zero_();
            module.SeedDropout((ulong)_options.Seed * 1_000_000_007UL + (ulong)step * 64 + (ulong)worker);
            foreach (int[][] sequences in batch[from..to].Chunk(SequencesPerPass))
            {
                using var scope = NewDisposeScope();
                (Tensor inputs, Tensor targets) = Split(sequences);
                Tensor logits = module.Forward(inputs, training: true);
                using Scalar share = sequences.Length / (double)batch.Length;
                Tensor loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten()) * share;
                loss.backward();
                losses[worker] += loss.item<float>();
            }
        });
        for (int i = 1; i < modules.Length; i++) modules[0].Gradients.PlusInPlace(modules[i].Gradients);
        return losses.Sum();
    }

    /// <summary>
    /// The sum of the losses of all <paramref name="tokens"/>, each predicted once from those before it in its window of the
    /// context's length (the text's first from the end-of-text token), divided by <paramref name="characters"/>.
    /// </summary>
    private double Evaluate(Gpt2Parameters parameters, Tensor values, int[] tokens, int characters)
    {
        int[] sequence = [0, .. tokens];
        int windows = (tokens.Length + _options.Context - 1) / _options.Context;
        double[] sums = new double[Math.Max(1, Math.Min(Workers, windows))];
        InParallel(sums.Length, worker =>
        {
            using Gpt2Module module = new(_options, parameters, values);
            using var noGradient = no_grad();
            for (int window = worker; window < windows; window += sums.Length)
            {
                using var scope = NewDisposeScope();
                int from = window * _options.Context, to = Math.Min(from + _options.Context, tokens.Length);
                (Tensor inputs, Tensor targets) = Split([sequence[from..(to + 1)]]);
                Tensor logits = module.Forward(inputs, training: false);
                sums[worker] += functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction: Reduction.None)
                    .sum(ScalarType.Float64).item<double>();
            }
        });
        return sums.Sum() / characters;
    }

    private (Tensor Inputs, Tensor Targets) Split(int[][] sequences)
    {
        int length = sequences[0].Length;
        long[] flat = [.. sequences.SelectMany(sequence => sequence).Select(id => (long)id)];
        Tensor tokens = tensor(flat, [sequences.Length, length]).to(_device);
        return (tokens.narrow(1, 0, length - 1), tokens.narrow(1, 1, length - 1));
    }

    private static void InParallel(int workers, Action<int> action)
    {
        Task[] tasks = [.. Enumerable.Range(0, workers).Select(worker => Task.Factory.StartNew(() =>
        {
            // Of the calling thread, and new threads begin with the process's number.
            set_num_threads(1);
            action(worker);
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        Task.WaitAll(tasks);
    }
}
