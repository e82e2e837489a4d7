namespace DistributedGpt.Engine;

/// <summary>
/// The completions of one request. The first of them that has work computes the prompt; the others are held back until the prompt's
/// full blocks are cached, share them, and compute the partial tail themselves.
/// </summary>
internal sealed class SequenceGroup(GenerateRequest request)
{
    /// <summary>The request.</summary>
    public GenerateRequest Request { get; } = request;

    /// <summary>All completions, by index.</summary>
    public List<Sequence> Sequences { get; } = [];

    /// <summary>Those held back, in order.</summary>
    public List<Sequence> Held { get; } = [];

    /// <summary>Completions that have not ended.</summary>
    public int Unfinished { get; set; }

    /// <summary>Positions of the prompt that completions share: whole blocks, never the prompt's last token.</summary>
    public int SharedLength => (Request.PromptIds.Length - 1) / StepBatch.BlockSize * StepBatch.BlockSize;
}
