using DistributedGpt.Transformer;

namespace DistributedGpt.Tests;

public sealed class RepeatedPhrasesTests
{
    private static readonly TrainingOptions s_options = new() { Batch = 3, Context = 400 };

    [Fact]
    public void Batch_WhatFollowedATokenBefore_MostlyFollowsAgain()
    {
        foreach (int[] sequence in RepeatedPhrases.Batch(s_options, vocabulary: 5000, step: 1))
        {
            Assert.Equal(401, sequence.Length);
            Assert.All(sequence, id => Assert.InRange(id, 0, 4999));
            Dictionary<int, int> followed = [];
            int known = 0;
            for (int i = 0; i + 1 < sequence.Length; i++)
            {
                if (followed.TryGetValue(sequence[i], out int next) && next == sequence[i + 1]) known++;
                followed[sequence[i]] = sequence[i + 1];
            }
            Assert.InRange(known, 200, 390);
        }
    }

    [Fact]
    public void Batch_IsDecidedByTheStep()
    {
        Assert.Equal(RepeatedPhrases.Batch(s_options, 500, 7), RepeatedPhrases.Batch(s_options, 500, 7));
        Assert.NotEqual(RepeatedPhrases.Batch(s_options, 500, 7), RepeatedPhrases.Batch(s_options, 500, 8));
    }
}
