using Orleans;

namespace DistributedGpt.Engine;

/// <summary>
/// How long a silo takes for one layer, as a function of the tokens in the step: straight lines between the points that are known,
/// the first point's time below it, and in proportion to the tokens beyond the last, where arithmetic and not memory is the limit.
/// </summary>
[GenerateSerializer, Immutable]
public sealed class StepTimes
{
    [Id(0)] private readonly int[] _tokens;
    [Id(1)] private readonly double[] _milliseconds;

    /// <summary>Times at some numbers of tokens.</summary>
    /// <exception cref="ArgumentException">There is no point, or one is not positive.</exception>
    public StepTimes(IEnumerable<KeyValuePair<int, double>> millisecondsByTokens)
    {
        KeyValuePair<int, double>[] points = [.. millisecondsByTokens.OrderBy(point => point.Key)];
        if (points.Length == 0) throw new ArgumentException("Step times need at least one point.", nameof(millisecondsByTokens));
        foreach ((int tokens, double time) in points)
        {
            if (tokens < 1 || !(time > 0) || !double.IsFinite(time))
                throw new ArgumentException($"Step times need positive numbers, found {time} ms for {tokens} tokens.", nameof(millisecondsByTokens));
        }

        _tokens = Array.ConvertAll(points, point => point.Key);
        _milliseconds = Array.ConvertAll(points, point => point.Value);
    }

    /// <summary>The times of a layer that takes so many times as long.</summary>
    public StepTimes Scale(double factor) => new(_tokens.Zip(_milliseconds, (tokens, time) => KeyValuePair.Create(tokens, time * factor)));

    /// <summary>Milliseconds per layer for a step of so many tokens (a mean over steps, so not always whole).</summary>
    public double Milliseconds(double tokens)
    {
        if (tokens <= _tokens[0]) return _milliseconds[0];
        if (tokens >= _tokens[^1]) return _milliseconds[^1] * tokens / _tokens[^1];
        int above = 1;
        while (_tokens[above] < tokens) above++;
        double share = (tokens - _tokens[above - 1]) / (_tokens[above] - _tokens[above - 1]);
        return _milliseconds[above - 1] + share * (_milliseconds[above] - _milliseconds[above - 1]);
    }
}
