namespace DistributedGpt.Transformer;

/// <summary>
/// Changes a sequence's logits by what was said so far. Its state is a fold over the sequence's ids and nothing else, so it can be
/// dropped at any time and made again from the ids.
/// </summary>
public interface ILogitsProcessor
{
    /// <summary>Begins anew with <paramref name="ids"/>, of which the first <paramref name="promptLength"/> are the prompt.</summary>
    void Start(ReadOnlySpan<int> ids, int promptLength);

    /// <summary>Takes note of the next generated id.</summary>
    void Advance(int id);

    /// <summary>Changes the logits <c>[vocabulary]</c> of the next token in place.</summary>
    void Apply(Span<float> logits);
}
