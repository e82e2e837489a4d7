using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Cli;

/// <summary>What a generation gave, and how long it took.</summary>
/// <param name="Request">The request.</param>
/// <param name="Info">The model.</param>
/// <param name="Tokenizer">Its tokenizer.</param>
/// <param name="Choices">The completions.</param>
/// <param name="FirstToken">From the submission to the first token.</param>
/// <param name="Total">From the submission to the end.</param>
internal sealed record GenerationResult(
    GenerateRequest Request, ModelInfo Info, Tokenizer Tokenizer, IReadOnlyList<GeneratedChoice> Choices, TimeSpan FirstToken, TimeSpan Total)
{
    /// <summary>Tokens generated, of all completions.</summary>
    public int GeneratedTokens => Choices.Sum(choice => choice.Tokens.Count);

    /// <summary>
    /// Tokens per second after the first one of each completion, which belongs to the prompt's time; of all of them where there are
    /// no others.
    /// </summary>
    public double TokensPerSecond
    {
        get
        {
            int decoded = GeneratedTokens - Choices.Count(choice => choice.Tokens.Count > 0);
            double seconds = (Total - FirstToken).TotalSeconds;
            return decoded > 0 && seconds > 0 ? decoded / seconds : GeneratedTokens / Math.Max(Total.TotalSeconds, 1e-9);
        }
    }

    /// <summary>The figures in one line.</summary>
    public string Figures
    {
        get
        {
            bool contextFull = Choices.Any(choice => choice.Finish == FinishReason.Length && Request.PromptIds.Length + choice.Tokens.Count == Info.ContextLength);
            return $"{Count(Request.PromptIds.Length, "prompt token")}, {GeneratedTokens} generated, first token after {FirstToken.TotalMilliseconds:F0} ms, "
                + $"{TokensPerSecond:F1} tokens/s, seed {unchecked((long)Request.Sampling.Seed)}"
                + (contextFull ? $", the context of {Info.ContextLength} tokens is full" : "");
        }
    }

    private static string Count(int number, string noun) => $"{number} {noun}{(number == 1 ? "" : "s")}";
}
