using Orleans;

namespace DistributedGpt.Engine;

/// <summary>A request cannot be served; the message says which limit it meets, with the numbers.</summary>
[GenerateSerializer]
public sealed class RequestRefusedException : Exception
{
    /// <summary>A field of the request is wrong whatever the server.</summary>
    public const string InvalidValue = "invalid_value";

    /// <summary>Prompt and tokens to generate exceed the model's context.</summary>
    public const string ContextLengthExceeded = "context_length_exceeded";

    /// <summary>The request could never fit the replica's KV cache.</summary>
    public const string CacheTooSmall = "kv_cache_too_small";

    /// <summary>The model is not loaded, or no longer.</summary>
    public const string ModelNotFound = "model_not_found";

    /// <summary>Too many requests wait; the same request may be accepted later.</summary>
    public const string QueueFull = "queue_full";

    /// <summary>A refusal.</summary>
    /// <param name="code">One of this class's constants.</param>
    /// <param name="message">What was wrong, with the numbers; fit for the client.</param>
    /// <param name="param">The field in question, by its name in the HTTP interface.</param>
    public RequestRefusedException(string code, string message, string? param = null) : base(message)
    {
        Code = code;
        Param = param;
    }

    /// <summary>One of this class's constants.</summary>
    [Id(0)] public string Code { get; }

    /// <summary>The field in question, by its name in the HTTP interface.</summary>
    [Id(1)] public string? Param { get; }
}
