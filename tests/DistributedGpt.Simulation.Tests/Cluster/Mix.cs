namespace DistributedGpt.Simulation.Tests;

/// <summary>A 64-bit hash that depends on the order of what it takes in.</summary>
internal static class Mix
{
    public static ulong In(ulong state, ulong value)
    {
        ulong x = (state ^ value) * 0x9E3779B97F4A7C15;
        x ^= x >> 29;
        x *= 0xBF58476D1CE4E5B9;
        return x ^ (x >> 32) ^ (state << 1);
    }
}
