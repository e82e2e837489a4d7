namespace DistributedGpt.Models;

/// <summary>The MLP's activation function.</summary>
public enum ActivationKind
{
    /// <summary>0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): <c>gelu_new</c>, <c>gelu_pytorch_tanh</c>.</summary>
    GeluTanh,

    /// <summary>x * sigmoid(x): <c>silu</c>, <c>swish</c>.</summary>
    Silu,
}
