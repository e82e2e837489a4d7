namespace DistributedGpt.Transformer;

/// <summary>libtorch cannot be loaded; the message says what is missing and what to do about it.</summary>
public sealed class TorchUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
