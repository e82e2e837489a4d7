using DistributedGpt.Engine;

namespace DistributedGpt.Client;

/// <summary>A model by its name: its description and its replicas.</summary>
public interface IModelGrain : IGrainWithStringKey
{
    /// <summary>The fingerprint of the model's folder, by which a client knows whether what it knows is still so; null where none is loaded.</summary>
    [ResponseTimeout("00:00:01")]
    Task<string?> GetFingerprint();

    /// <summary>What clients must know of it, with the whole tokenizer; null where no model of that name is loaded.</summary>
    [ResponseTimeout("00:00:05")]
    Task<ModelInfo?> GetInfo();

    /// <summary>The key of the coordinator that is to serve a request.</summary>
    /// <param name="prefixes">The prompt's <see cref="PromptPrefixes"/>.</param>
    /// <param name="completions">How many completions are asked for.</param>
    /// <param name="avoid">A coordinator that did not answer: it is named again only where no other replica serves.</param>
    [ResponseTimeout("00:00:01")]
    Task<string> Route(BlockHash[] prefixes, int completions, string? avoid);
}
