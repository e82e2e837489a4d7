namespace DistributedGpt.Transformer;

/// <summary>Hidden states <c>[rows, hidden]</c> of a step, float32, on a device.</summary>
public interface IHiddenStates : IDisposable
{
    /// <summary>Rows in use.</summary>
    int Rows { get; }

    /// <summary>Width of the residual stream.</summary>
    int Hidden { get; }

    /// <summary>Copies all rows to <paramref name="destination"/> <c>[rows * hidden]</c> in host memory.</summary>
    void CopyTo(Span<float> destination);

    /// <summary>Fills all rows from <paramref name="source"/> <c>[rows * hidden]</c> in host memory.</summary>
    void CopyFrom(ReadOnlySpan<float> source);
}
