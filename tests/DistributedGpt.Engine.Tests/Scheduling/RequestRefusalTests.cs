namespace DistributedGpt.Engine.Tests;

public sealed class RequestRefusalTests
{
    private static readonly SchedulerOptions Options = new() { ContextLength = 100, VocabularySize = 50, QueueLimit = 3 };

    private static readonly GenerateRequest Good = new() { Id = Guid.NewGuid(), PromptIds = [1, 2, 3], MaxTokens = 5, Sampling = new() };

    private static RequestRefusedException Refused(GenerateRequest request, int blocks = 64)
    {
        var scheduler = new Scheduler(Options, new BlockPool(blocks), new BlockHasher("model"));
        var refused = Assert.Throws<RequestRefusedException>(() => scheduler.Add(request));
        Assert.Equal(0, scheduler.Status.Waiting);
        return refused;
    }

    [Fact]
    public void Add_PromptAsLongAsTheContext_NamesBoth()
    {
        RequestRefusedException refused = Refused(Good with { PromptIds = new int[100], MaxTokens = 1 });

        Assert.Equal(("context_length_exceeded", "prompt"), (refused.Code, refused.Param));
        Assert.Equal("The prompt has 100 tokens; the model's context is 100 tokens, prompt and completion together.", refused.Message);
    }

    [Fact]
    public void Add_PromptAndMaxTokensOverTheContext_NamesAllNumbers()
    {
        RequestRefusedException refused = Refused(Good with { PromptIds = new int[90], MaxTokens = 11 });

        Assert.Equal(("context_length_exceeded", "max_tokens"), (refused.Code, refused.Param));
        Assert.Equal("The prompt has 90 tokens and max_tokens is 11, 101 in all; the model's context is 100 tokens.", refused.Message);
    }

    [Fact]
    public void Add_MaxTokensNearTheLimitOfInt_IsRefusedWithoutOverflow() =>
        Assert.Contains("2147483650 in all", Refused(Good with { MaxTokens = int.MaxValue }).Message, StringComparison.Ordinal);

    [Fact]
    public void Add_MoreBlocksThanThePoolHas_NamesBoth()
    {
        RequestRefusedException refused = Refused(Good with { PromptIds = new int[20], MaxTokens = 14 }, blocks: 2);

        Assert.Equal("kv_cache_too_small", refused.Code);
        Assert.Equal("The prompt has 20 tokens and max_tokens is 14: 3 blocks of 16 positions are needed, the KV cache has 2.", refused.Message);
    }

    [Fact]
    public void Add_RequestThatJustFits_IsAccepted()
    {
        var scheduler = new Scheduler(Options, new BlockPool(2), new BlockHasher("model"));

        Assert.True(scheduler.Add(Good with { PromptIds = new int[20], MaxTokens = 13 }));
    }

    [Fact]
    public void Add_FullQueue_NamesTheNumbersAndStillTakesResubmissions()
    {
        var scheduler = new Scheduler(Options, new BlockPool(64), new BlockHasher("model"));
        scheduler.Add(Good with { Completions = 2 });

        var refused = Assert.Throws<RequestRefusedException>(() => scheduler.Add(Good with { Id = Guid.NewGuid(), Completions = 2 }));

        Assert.Equal("queue_full", refused.Code);
        Assert.Equal("The queue is full: 2 of at most 3 completions wait, this request asks for 2.", refused.Message);
        Assert.True(scheduler.Add(Good with { Id = Guid.NewGuid(), Completions = 2, Submission = 2 }));
    }

    [Fact]
    public void Add_WrongField_SaysWhatIsWrong()
    {
        (GenerateRequest Request, string? Param, string Message)[] cases =
        [
            (Good with { PromptIds = [] }, "prompt", "The prompt is empty: at least one token is needed."),
            (Good with { MaxTokens = 0 }, "max_tokens", "max_tokens is 0: at least 1 is needed."),
            (Good with { Completions = 0 }, "n", "n is 0: it must be between 1 and 3."),
            (Good with { Completions = 4 }, "n", "n is 4: it must be between 1 and 3."),
            (Good with { PromptIds = [1, 50] }, "prompt", "Token 1 is 50: ids are 0 to 49."),
            (Good with { PromptIds = [-1, 1] }, "prompt", "Token 0 is -1: ids are 0 to 49."),
            (Good with { Delivered = [new int[6]] }, null, "6 tokens of a completion were delivered, max_tokens is 5."),
            (Good with { Delivered = [[50]] }, null, "Token 0 is 50: ids are 0 to 49."),
            (Good with { Delivered = [[], []] }, null, "Tokens of 2 completions were delivered, the request has 1."),
        ];
        foreach ((GenerateRequest request, string? param, string message) in cases)
        {
            RequestRefusedException refused = Refused(request);
            Assert.Equal(("invalid_value", param, message), (refused.Code, refused.Param, refused.Message));
        }
    }
}
