namespace DistributedGpt.Models;

/// <summary>
/// One step of a tokenizer's decoder, as a filter over the pieces of a text: it passes on whatever later pieces cannot change.
/// A stage has state and serves one text.
/// </summary>
internal abstract class DecoderStage
{
    private DecoderStage? _next;

    /// <summary>Takes the next piece.</summary>
    public abstract void Push(string piece);

    /// <summary>Passes on what was held back, since no piece follows: an incomplete character as U+FFFD, or not at all.</summary>
    public virtual void Flush(bool dropIncomplete) => _next!.Flush(dropIncomplete);

    /// <summary>Joins this stage to the one that takes its output.</summary>
    public void ConnectTo(DecoderStage next) => _next = next;

    /// <summary>A stage of the same state, not connected.</summary>
    public virtual DecoderStage Clone() => (DecoderStage)MemberwiseClone();

    /// <summary>Gives a piece to the next stage.</summary>
    protected void PassOn(string piece) => _next!.Push(piece);
}
