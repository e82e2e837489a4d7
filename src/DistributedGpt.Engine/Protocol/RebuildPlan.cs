namespace DistributedGpt.Engine;

/// <summary>Which stages must compute the live sequences again after some have lost their caches.</summary>
public static class RebuildPlan
{
    /// <summary>
    /// A stage with an unknown incarnation has lost its cache. It is given what the stage before has logged; where that one has lost its
    /// own cache, or its log does not have all live blocks, it computes as well, and so on back to the ids.
    /// </summary>
    /// <param name="stages">The stages' answers to Attach.</param>
    /// <param name="known">The incarnations whose caches hold all live blocks.</param>
    /// <param name="live">The blocks that sequences use, full and partial.</param>
    /// <returns>The stages that compute, in runs of consecutive ones, ascending.</returns>
    public static IReadOnlyList<StageRange> Of(IReadOnlyList<AttachReply> stages, IReadOnlySet<long> known, IReadOnlyCollection<int> live)
    {
        bool[] computes = [.. stages.Select(stage => !Array.TrueForAll(stage.Incarnations, known.Contains))];
        for (int stage = stages.Count - 1; stage > 0; stage--)
            computes[stage - 1] |= computes[stage] && !new HashSet<int>(stages[stage - 1].Logged).IsSupersetOf(live);

        var ranges = new List<StageRange>();
        for (int first = Array.IndexOf(computes, true); first >= 0; first = Array.IndexOf(computes, true, ranges[^1].End))
        {
            int end = Array.IndexOf(computes, false, first);
            ranges.Add(new StageRange(first, end < 0 ? stages.Count : end));
        }

        return ranges;
    }
}
