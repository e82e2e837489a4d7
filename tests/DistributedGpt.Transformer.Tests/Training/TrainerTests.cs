using DistributedGpt.Models;
using DistributedGpt.Transformer;
using DistributedGpt.Transformer.Tests;

namespace DistributedGpt.Tests;

public sealed class TrainerTests : IDisposable
{
    private static readonly string s_text = File.ReadAllText(TestData.Find("tinyshakespeare.txt"))[..12_000];

    private static readonly TrainingOptions s_options = new()
    {
        Layers = 1, Hidden = 32, Heads = 2, Context = 32, Vocabulary = 300, Steps = 30, Batch = 4, LearningRate = 3e-3,
        WarmupSteps = 4, CopyingSteps = 3, MergeDropout = 0.1, Renaming = 0.5, EvaluationInterval = 15, Threads = 2,
    };

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Run_ShortTraining_LowersTheLossAndWritesAModelFolder()
    {
        Reports reports = new();
        TrainingResult result = new Trainer(s_options, _folder.FullName).Run(s_text, reports, TestContext.Current.CancellationToken);

        Assert.Equal([10, 15, 20, 30], reports.All.Select(report => report.Step));
        // A model that knows nothing has ln(300) = 5.7.
        Assert.True(reports.All[^1].Loss < 5.2, $"{reports.All[^1].Loss}");
        Assert.True(reports.All[^1].SelectionLoss < reports.All[1].SelectionLoss);
        Assert.Equal(reports.All[^1].SelectionLoss, result.SelectionLoss);
        using ModelFolder model = ModelFolder.Open(_folder.FullName);
        Assert.Equal((1, 32, 2, 32, 300), (model.Config.LayerCount, model.Config.HiddenSize, model.Config.HeadCount, model.Config.ContextLength, model.Config.VocabularySize));
        Assert.Equal(TensorType.BFloat16, model.Config.WeightType);
        Assert.True(model.Config.TiedEmbeddings);
        using Tokenizer tokenizer = Tokenizer.Load(_folder.FullName);
        Assert.Equal(300, tokenizer.VocabularySize);
    }

    [Fact]
    public void Run_HeldOutLoss_IsWhatInferenceFindsInTheFolder()
    {
        TrainingResult result = new Trainer(s_options, _folder.FullName).Run(s_text, cancellation: TestContext.Current.CancellationToken);

        using ModelFolder folder = ModelFolder.Open(_folder.FullName);
        using Tokenizer tokenizer = Tokenizer.Load(_folder.FullName);
        using CpuModel model = new(folder, weightType: TensorType.Float32);
        string heldOut = s_text[^1200..];
        int[] ids = [0, .. tokenizer.EncodePlain(heldOut)];
        double nats = 0;
        for (int first = 0; first + 1 < ids.Length; first += 32)
        {
            int[] window = ids[first..Math.Min(first + 32, ids.Length - 1)];
            float[][] logits = model.Step(Rows.Of(window, 0, window.Length));
            for (int i = 0; i < window.Length; i++)
            {
                nats += Math.Log(logits[i].Sum(logit => Math.Exp(logit))) - logits[i][ids[first + i + 1]];
            }
        }
        Assert.Equal(nats / heldOut.Length, result.HeldOutLoss, 1e-5);
    }

    [Fact]
    public void Run_BFloat16Products_LearnsAlmostTheSame()
    {
        double exact = new Trainer(s_options with { Dropout = 0 }, _folder.FullName).Run(s_text, cancellation: TestContext.Current.CancellationToken).SelectionLoss;
        double rounded = new Trainer(s_options with { Dropout = 0, BFloat16Products = true }, _folder.FullName).Run(s_text, cancellation: TestContext.Current.CancellationToken).SelectionLoss;

        Assert.NotEqual(exact, rounded);
        Assert.Equal(exact, rounded, 0.01);
    }

    [Fact]
    public void Run_SameSeed_WritesTheSameModel()
    {
        byte[] first = Train("first", s_options), second = Train("second", s_options), other = Train("other", s_options with { Seed = 2 });

        Assert.Equal(first, second);
        Assert.NotEqual(first, other);
    }

    [Fact]
    public void Run_CancelledAndResumed_EndsWhereAnUninterruptedRunEnds()
    {
        byte[] whole = Train("whole", s_options);
        string folder = Path.Combine(_folder.FullName, "parts");
        using CancellationTokenSource cancellation = new();
        Reports reports = new(report => { if (report.Step == 20) cancellation.Cancel(); });

        Assert.Throws<OperationCanceledException>(() => new Trainer(s_options, folder).Run(s_text, reports, cancellation.Token));
        new Trainer(s_options with { Resume = true }, folder).Run(s_text, cancellation: TestContext.Current.CancellationToken);

        Assert.Equal(whole, File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
    }

    [Fact]
    public void Run_ResumedFromWeightsAlone_StartsWhereTheyAre()
    {
        Train("model", s_options);
        string folder = Path.Combine(_folder.FullName, "model");
        File.Delete(Path.Combine(folder, "checkpoint.bin"));
        Reports reports = new();

        new Trainer(s_options with { Resume = true, Steps = 10 }, folder).Run(s_text, reports, TestContext.Current.CancellationToken);

        Assert.True(reports.All[0].Loss < 5.2, $"{reports.All[0].Loss}");
    }

    [Fact]
    public void Run_CheckpointOfAnotherShape_NamesTheFileAndBothSizes()
    {
        Train("model", s_options);
        string folder = Path.Combine(_folder.FullName, "model");

        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => Train("model", s_options with { Layers = 2, Resume = true }));

        Assert.Contains(Path.Combine(folder, "checkpoint.bin"), exception.Message);
    }

    [Fact]
    public void Constructor_HeadsThatDoNotDivide_NamesTheOption()
    {
        ArgumentException exception = Assert.Throws<ArgumentException>(() => new Trainer(s_options with { Heads = 5 }, _folder.FullName));

        Assert.Contains("Heads: expected a divisor of the hidden size 32, found 5", exception.Message);
    }

    private byte[] Train(string name, TrainingOptions options)
    {
        string folder = Path.Combine(_folder.FullName, name);
        new Trainer(options, folder).Run(s_text, cancellation: TestContext.Current.CancellationToken);
        return File.ReadAllBytes(Path.Combine(folder, "model.safetensors"));
    }

    private sealed class Reports(Action<TrainingProgress>? action = null) : IProgress<TrainingProgress>
    {
        public List<TrainingProgress> All { get; } = [];

        public void Report(TrainingProgress value)
        {
            All.Add(value);
            action?.Invoke(value);
        }
    }
}
