using System.Diagnostics;
using System.Text.Json;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Tests;

namespace DistributedGpt.Transformer.Tests;

/// <summary>
/// A real model of 135 M parameters against Hugging Face transformers. The file is too large for the repository: the environment
/// variable names it, and without it the test is skipped.
/// </summary>
public sealed class SmolLm2Tests
{
    private const string Variable = "DGPT_TEST_GGUF";

    [Fact]
    public void Generate_SmolLm2_IdsTextsAndLogprobsAreTransformers()
    {
        string? file = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(string.IsNullOrEmpty(file), $"{Variable} does not name smollm2-135m-instruct-q4_1.gguf.");
        DirectoryInfo path = Directory.CreateTempSubdirectory("dgpt-smollm2-");
        try
        {
            Convert(file!, path.FullName);
            using ModelFolder folder = ModelFolder.Open(path.FullName);
            using Tokenizer tokenizer = Tokenizer.Load(path.FullName);
            using CpuModel model = new(folder, threads: 2);
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(TestData.Find("smollm2", "smollm2-expected.json")));
            foreach (JsonElement expected in document.RootElement.GetProperty("cases").EnumerateArray()) Check(model, tokenizer, expected);
        }
        finally
        {
            path.Delete(recursive: true);
        }
    }

    private static void Check(CpuModel model, Tokenizer tokenizer, JsonElement expected)
    {
        int[] prompt = tokenizer.EncodePrompt(expected.GetProperty("text").GetString()!);
        int[] greedy = expected.GetProperty("greedy_ids").Deserialize<int[]>()!;
        Assert.Equal(expected.GetProperty("prompt_ids").Deserialize<int[]>(), prompt);

        // In two chunks, as a scheduler would run a long prompt; the second one's last row is sampled below.
        int border = prompt.Length / 2;
        float[][] logits = [.. model.Step(Sequence(prompt, 0, border)), .. model.Step(Sequence(prompt, border, prompt.Length))];
        double logprob = Enumerable.Range(0, prompt.Length - 1).Average(i => Logprob(logits[i], prompt[i + 1]));
        Assert.Equal(expected.GetProperty("mean_prompt_logprob").GetDouble(), logprob, 1e-4);

        SamplingOptions options = new() { IgnoreEos = true };
        List<int> ids = [.. prompt];
        while (ids.Count < prompt.Length + greedy.Length)
        {
            StepSequence next = Sequence([.. ids], ids.Count - 1, ids.Count) with { Sampling = options };
            ids.Add(model.Sample(next).Single().Id);
        }

        Assert.Equal(greedy, ids[prompt.Length..]);
        Assert.Equal(expected.GetProperty("greedy_text").GetString(), tokenizer.Decode(greedy, showSpecialTokens: true));
    }

    private static double Logprob(float[] logits, int id)
    {
        double largest = logits.Max();
        return logits[id] - largest - Math.Log(logits.Sum(logit => Math.Exp(logit - largest)));
    }

    private static StepSequence Sequence(int[] ids, int from, int to) => new()
    {
        Id = new SequenceId(Guid.Empty, 0),
        TokenIds = ids[from..to],
        FirstPosition = from,
        BlockTable = [.. Enumerable.Range(0, (to + StepBatch.BlockSize - 1) / StepBatch.BlockSize)],
        PromptLength = ids.Length,
    };

    /// <summary>Makes a Hugging Face folder of the file; Debian's Python is the one that has numpy.</summary>
    private static void Convert(string file, string folder)
    {
        string python = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
        ProcessStartInfo start = new(python, [TestData.Find("gguf2hf.py"), file, folder]) { RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
    }
}
