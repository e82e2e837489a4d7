namespace DistributedGpt.Models;

/// <summary>The largest sizes that a configuration may name: far beyond any model, and small enough that no product of them overflows.</summary>
internal static class ConfigLimits
{
    public const int Vocabulary = 1 << 26;
    public const int Hidden = 1 << 20;
    public const int Intermediate = 1 << 24;
    public const int Layers = 1 << 14;
    public const int Heads = 1 << 14;
    public const int HeadSize = 1 << 14;
    public const int Projection = 1 << 24;
    public const int Context = 1 << 30;
}
