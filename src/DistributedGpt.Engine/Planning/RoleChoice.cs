namespace DistributedGpt.Engine;

/// <summary>
/// Chooses a first, a last and other silos so that together they take as many layers as can be, given how many each could take as
/// what. First and last are enumerated, among the few that can be part of a best choice: where the silos with most room, as many
/// as there are stages, are the top, these are the two of the top that lose least in the role, and the best two outside.
/// </summary>
internal sealed class RoleChoice(int silos, int stages)
{
    private const int MostCandidates = 5;

    private readonly int[] _first = new int[silos];
    private readonly int[] _middle = new int[silos];
    private readonly int[] _last = new int[silos];
    private readonly int[] _order = new int[silos];
    private readonly int[] _rank = new int[silos];
    private readonly int[] _roomBefore = new int[silos + 1];
    private int _useful;
    private (int First, int Last) _chosen;

    /// <summary>How many layers a silo can take in each role.</summary>
    public void SetRoom(int silo, int first, int middle, int last) => (_first[silo], _middle[silo], _last[silo]) = (first, middle, last);

    /// <summary>Chooses.</summary>
    /// <returns>Layers that the chosen silos can take together; 0 where there are not as many silos that can take one.</returns>
    public int Choose()
    {
        Sort();
        int best = 0;
        Span<int> firsts = stackalloc int[MostCandidates], lasts = stackalloc int[MostCandidates];
        firsts = firsts[..Candidates(_first, firsts)];
        lasts = lasts[..Candidates(_last, lasts)];
        foreach (int first in firsts)
        {
            foreach (int last in lasts)
            {
                int room = RoomWith(first, last);
                // Among equals the last of the top.
                bool tidier = room == best && best > 0 && _rank[last] > _rank[_chosen.Last] && _rank[last] < stages;
                if (room > best || tidier) (best, _chosen) = (room, (first, last));
            }
        }

        return best;
    }

    /// <summary>The silos that were chosen, in the order of the stages.</summary>
    public int[] Chosen()
    {
        int[] middle = [.. _order.Where(silo => silo != _chosen.First && silo != _chosen.Last).Take(stages - 2)];
        Array.Sort(middle);
        return [_chosen.First, .. middle, _chosen.Last];
    }

    /// <summary>By room as a stage in the middle, most first; among equals in their own order.</summary>
    private void Sort()
    {
        var counts = new int[_middle.Max() + 2];
        foreach (int room in _middle) counts[room]++;
        for (int room = counts.Length - 2; room >= 0; room--) counts[room] += counts[room + 1];
        _useful = counts[Math.Min(1, counts.Length - 1)];
        for (int silo = 0; silo < silos; silo++)
        {
            int rank = counts[_middle[silo] + 1]++;
            _order[rank] = silo;
            _rank[silo] = rank;
        }

        for (int rank = 0; rank < silos; rank++) _roomBefore[rank + 1] = _roomBefore[rank] + _middle[_order[rank]];
    }

    /// <summary>Writes the candidates for a role.</summary>
    /// <returns>How many there are.</returns>
    private int Candidates(int[] room, Span<int> candidates)
    {
        int count = 0;
        AddBestTwo(0, stages, ofTop: true, candidates);
        AddBestTwo(stages, silos, ofTop: false, candidates);

        // Not needed for the best, but so that silos that are alike keep their order.
        int last = _order[stages - 1];
        if (room[last] > 0 && !candidates[..count].Contains(last)) candidates[count++] = last;
        return count;

        void AddBestTwo(int start, int end, bool ofTop, Span<int> candidates)
        {
            int best = -1, second = -1, bestValue = 0, secondValue = 0;
            for (int rank = start; rank < end; rank++)
            {
                int silo = _order[rank];
                if (room[silo] == 0) continue;
                int value = ofTop ? room[silo] - _middle[silo] : room[silo];
                if (best < 0 || value > bestValue) (best, bestValue, second, secondValue) = (silo, value, best, bestValue);
                else if (second < 0 || value > secondValue) (second, secondValue) = (silo, value);
            }

            if (best >= 0) candidates[count++] = best;
            if (second >= 0) candidates[count++] = second;
        }
    }

    private int RoomWith(int first, int last)
    {
        if (first == last) return 0;
        int useful = _useful - (_middle[first] > 0 ? 1 : 0) - (_middle[last] > 0 ? 1 : 0);
        if (useful < stages - 2) return 0;
        int end = stages - 2, room = _first[first] + _last[last];
        (int early, int late) = _rank[first] < _rank[last] ? (first, last) : (last, first);
        if (_rank[early] < end) (end, room) = (end + 1, room - _middle[early]);
        if (_rank[late] < end) (end, room) = (end + 1, room - _middle[late]);
        return room + _roomBefore[end];
    }
}
