using System.Runtime.InteropServices;
using DistributedGpt.Engine;

namespace DistributedGpt.Transformer;

/// <summary>
/// Repetition, presence and frequency penalties. The first counts the tokens of prompt and generated text, as
/// <see href="https://arxiv.org/abs/1909.05858">CTRL</see> does; the other two count generated ones only, as OpenAI's API does.
/// </summary>
internal sealed class PenaltyProcessor(SamplingOptions options) : ILogitsProcessor
{
    /// <summary>How often each id was generated; 0 for one that stands in the prompt alone.</summary>
    private readonly Dictionary<int, int> _generated = [];

    public void Start(ReadOnlySpan<int> ids, int promptLength)
    {
        _generated.Clear();
        for (int i = 0; i < ids.Length; i++)
        {
            if (i >= promptLength) Advance(ids[i]);
            else _generated[ids[i]] = 0;
        }
    }

    public void Advance(int id) => CollectionsMarshal.GetValueRefOrAddDefault(_generated, id, out _)++;

    public void Apply(Span<float> logits)
    {
        foreach ((int id, int count) in _generated)
        {
            if ((uint)id >= (uint)logits.Length) continue;
            float logit = logits[id];
            logit = logit > 0 ? logit / options.RepetitionPenalty : logit * options.RepetitionPenalty;
            if (count > 0) logit -= options.PresencePenalty + options.FrequencyPenalty * count;
            logits[id] = logit;
        }
    }
}
