using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>The shape of the model to train and how it is trained. The defaults suit about a megabyte of text and two CPU cores.</summary>
public sealed record TrainingOptions
{
    /// <summary>Decoder layers.</summary>
    public int Layers { get; init; } = 6;

    /// <summary>Width of the residual stream.</summary>
    public int Hidden { get; init; } = 192;

    /// <summary>Attention heads; divides <see cref="Hidden"/>.</summary>
    public int Heads { get; init; } = 6;

    /// <summary>The longest sequence, in tokens: the model's context and the length of a training sequence.</summary>
    public int Context { get; init; } = 512;

    /// <summary>Entries of the tokenizer: the end-of-text token, 256 bytes, the rest merges.</summary>
    public int Vocabulary { get; init; } = 1024;

    /// <summary>Optimizer steps.</summary>
    public int Steps { get; init; } = 1800;

    /// <summary>Sequences per step.</summary>
    public int Batch { get; init; } = 8;

    /// <summary>The highest learning rate, reached after the warm-up; it falls along a cosine to a twentieth of that.</summary>
    public double LearningRate { get; init; } = 6e-3;

    /// <summary>Steps in which the learning rate rises linearly.</summary>
    public int WarmupSteps { get; init; } = 40;

    /// <summary>Decoupled weight decay of the matrices; biases and norms have none.</summary>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>The gradient's norm is cut to this.</summary>
    public double GradientClip { get; init; } = 1;

    /// <summary>The probability with which embeddings, attention weights and the outputs of attention and MLP are zeroed.</summary>
    public double Dropout { get; init; } = 0.1;

    /// <summary>
    /// The probability with which a merge is left out when the training text is cut into tokens anew, which each epoch does
    /// (BPE-dropout, Provilkov et al. 2020). It falls linearly to 0 over the last quarter of the steps.
    /// </summary>
    public double MergeDropout { get; init; }

    /// <summary>
    /// The probability with which an epoch gives a name in capitals, as plays write who speaks, to be another wherever it stands, so
    /// that the model learns to read names in its context.
    /// </summary>
    public double Renaming { get; init; } = 0.7;

    /// <summary>
    /// The first of the steps, but never more than a tenth of them, train on random tokens that repeat themselves, so that the model
    /// learns to look up what followed before.
    /// </summary>
    public int CopyingSteps { get; init; } = 100;

    /// <summary>
    /// Multiply in bfloat16 with sums in float32, forward and backward; parameters and all else stay float32. Faster where the
    /// processor has such instructions (AVX512-BF16, tensor cores), much slower where it has not.
    /// </summary>
    public bool BFloat16Products { get; init; }

    /// <summary>Steps between two evaluations, each of which may write the model.</summary>
    public int EvaluationInterval { get; init; } = 100;

    /// <summary>What computes: <c>cpu</c> or <c>cuda[:index]</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Threads, each with its share of a step's sequences. A GPU takes whole steps from one.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>The seed of initial weights, order of the data and dropout. The same seed and threads give the same model.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>
    /// Go on from the checkpoint in the output folder; where there is none, start from the weights there, with the tokenizer that
    /// they were made with.
    /// </summary>
    public bool Resume { get; init; }

    /// <summary>Checks the options.</summary>
    /// <exception cref="ArgumentException">One is out of its range; the message names it.</exception>
    public void Validate()
    {
        TorchDevice.Parse(Device);
        Require(Layers >= 1, nameof(Layers), Layers, "at least 1");
        Require(Hidden >= 1, nameof(Hidden), Hidden, "at least 1");
        Require(Heads >= 1 && Hidden % Heads == 0, nameof(Heads), Heads, $"a divisor of the hidden size {Hidden}");
        Require(Context >= 2, nameof(Context), Context, "at least 2");
        Require(Vocabulary >= BpeTrainer.SmallestVocabulary, nameof(Vocabulary), Vocabulary, $"at least {BpeTrainer.SmallestVocabulary}");
        Require(Steps >= 1, nameof(Steps), Steps, "at least 1");
        Require(Batch >= 1, nameof(Batch), Batch, "at least 1");
        Require(CopyingSteps >= 0, nameof(CopyingSteps), CopyingSteps, "at least 0");
        Require(LearningRate > 0, nameof(LearningRate), LearningRate, "above 0");
        Require(WarmupSteps >= 0, nameof(WarmupSteps), WarmupSteps, "at least 0");
        Require(WeightDecay >= 0, nameof(WeightDecay), WeightDecay, "at least 0");
        Require(GradientClip > 0, nameof(GradientClip), GradientClip, "above 0");
        Require(Dropout is >= 0 and < 1, nameof(Dropout), Dropout, "at least 0 and below 1");
        Require(MergeDropout is >= 0 and < 1, nameof(MergeDropout), MergeDropout, "at least 0 and below 1");
        Require(Renaming is >= 0 and <= 1, nameof(Renaming), Renaming, "from 0 to 1");
        Require(EvaluationInterval >= 1, nameof(EvaluationInterval), EvaluationInterval, "at least 1");
        Require(Threads >= 1, nameof(Threads), Threads, "at least 1");
    }

    private static void Require(bool condition, string name, double value, string expected)
    {
        if (!condition) throw new ArgumentException($"{name}: expected {expected}, found {value}");
    }
}
