using static DistributedGpt.Engine.RequestRefusedException;

namespace DistributedGpt.Engine;

/// <summary>What makes a request impossible whatever the load.</summary>
internal static class RequestCheck
{
    public static void ThrowIfRefused(GenerateRequest request, SchedulerOptions options, int poolBlocks)
    {
        int prompt = request.PromptIds.Length;
        if (prompt == 0) throw new RequestRefusedException(InvalidValue, "The prompt is empty: at least one token is needed.", "prompt");
        if (request.MaxTokens < 1)
            throw new RequestRefusedException(InvalidValue, $"max_tokens is {request.MaxTokens}: at least 1 is needed.", "max_tokens");
        if (request.Completions < 1 || request.Completions > options.QueueLimit)
            throw new RequestRefusedException(InvalidValue, $"n is {request.Completions}: it must be between 1 and {options.QueueLimit}.", "n");
        if (prompt >= options.ContextLength)
            throw new RequestRefusedException(ContextLengthExceeded,
                $"The prompt has {prompt} tokens; the model's context is {options.ContextLength} tokens, prompt and completion together.", "prompt");
        if (request.MaxTokens > options.ContextLength - prompt)
            throw new RequestRefusedException(ContextLengthExceeded,
                $"The prompt has {prompt} tokens and max_tokens is {request.MaxTokens}, {(long)prompt + request.MaxTokens} in all; the model's context is {options.ContextLength} tokens.",
                "max_tokens");
        // The last generated token is never fed back, so it needs no place in the cache.
        int positions = prompt + request.MaxTokens - 1, blocks = Sequence.BlocksFor(positions);
        if (blocks > poolBlocks)
            throw new RequestRefusedException(CacheTooSmall,
                $"The prompt has {prompt} tokens and max_tokens is {request.MaxTokens}: {blocks} blocks of {StepBatch.BlockSize} positions are needed, the KV cache has {poolBlocks}.",
                "max_tokens");
        CheckIds(request.PromptIds, "prompt", options.VocabularySize);
        if (request.Delivered.Length > request.Completions)
            throw new RequestRefusedException(InvalidValue, $"Tokens of {request.Delivered.Length} completions were delivered, the request has {request.Completions}.");
        if (Array.Exists(request.Stopped, completion => (uint)completion >= (uint)request.Completions))
            throw new RequestRefusedException(InvalidValue, $"A completion was stopped that is not one of the request's {request.Completions}.");
        foreach (int[] delivered in request.Delivered)
        {
            if (delivered.Length > request.MaxTokens)
                throw new RequestRefusedException(InvalidValue, $"{delivered.Length} tokens of a completion were delivered, max_tokens is {request.MaxTokens}.");
            CheckIds(delivered, null, options.VocabularySize);
        }
    }

    private static void CheckIds(int[] ids, string? param, int vocabulary)
    {
        for (int i = 0; i < ids.Length; i++)
        {
            if ((uint)ids[i] >= (uint)vocabulary)
                throw new RequestRefusedException(InvalidValue, $"Token {i} is {ids[i]}: ids are 0 to {vocabulary - 1}.", param);
        }
    }
}
