namespace DistributedGpt.Engine;

/// <summary>What a ledger made of a token.</summary>
public enum LedgerVerdict
{
    /// <summary>It is the completion's next token: pass it on.</summary>
    Accepted,

    /// <summary>The client has it already, or wants no more of the completion.</summary>
    Duplicate,

    /// <summary>It answers an older submission.</summary>
    Stale,

    /// <summary>A token before it is missing: the request must be submitted again.</summary>
    Gap,
}
