using System.Text;
using System.Text.RegularExpressions;

namespace DistributedGpt.Transformer;

/// <summary>
/// A play whose people bear other names each time it is read. A model that always meets the same few people learns their names by
/// heart and is lost among new ones; one for which names change can only look them up in what it has just read.
/// <para>
/// A name is a word in capitals (as plays write who speaks) that the text never writes in small letters. New ones are made letter by
/// letter, each drawn from what follows the two before it in the names of the text; where that finds no new name, the old one stays.
/// </para>
/// </summary>
internal sealed partial class RenamedPeople
{
    private const int ShortestName = 3;
    private const int LongestName = 12;
    private const int Attempts = 50;
    private const char End = '\n';

    private readonly string _text;
    private readonly HashSet<string> _words;
    private readonly string[] _names;
    private readonly Dictionary<(char, char), List<char>> _following = [];

    /// <summary>Finds the names in <paramref name="text"/>.</summary>
    public RenamedPeople(string text)
    {
        _text = text;
        _words = [.. Word().Matches(text).Select(match => match.Value)];
        _names = [.. _words.Where(word => word.Length >= ShortestName && word == word.ToUpperInvariant() && !_words.Contains(word.ToLowerInvariant())).Order(StringComparer.Ordinal)];
        foreach (string name in _names)
        {
            (char, char) before = (End, End);
            foreach (char letter in name + End)
            {
                if (!_following.TryGetValue(before, out List<char>? letters)) _following[before] = letters = [];
                letters.Add(letter);
                before = (before.Item2, letter);
            }
        }
    }

    /// <summary>The text in which each name, with the probability <paramref name="share"/>, is another one wherever it stands.</summary>
    public string Read(double share, Random random)
    {
        Dictionary<string, string> renamed = [];
        HashSet<string> taken = [];
        foreach (string name in _names)
        {
            if (random.NextDouble() >= share || Invent(random, taken) is not { } invented) continue;
            renamed[name] = invented;
            renamed[Capitalized(name)] = Capitalized(invented);
        }
        return Word().Replace(_text, match => renamed.GetValueOrDefault(match.Value, match.Value));
    }

    /// <summary>A name that neither the text has nor <paramref name="taken"/>, to which it is added.</summary>
    private string? Invent(Random random, HashSet<string> taken)
    {
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            string name = Spell(random);
            if (name.Length is >= ShortestName and <= LongestName && !_words.Contains(name) && !_words.Contains(Capitalized(name)) && taken.Add(name)) return name;
        }
        return null;
    }

    private string Spell(Random random)
    {
        StringBuilder name = new();
        (char, char) before = (End, End);
        while (name.Length <= LongestName)
        {
            List<char> letters = _following[before];
            char letter = letters[random.Next(letters.Count)];
            if (letter == End) break;
            name.Append(letter);
            before = (before.Item2, letter);
        }
        return name.ToString();
    }

    private static string Capitalized(string name) => name[0] + name[1..].ToLowerInvariant();

    [GeneratedRegex(@"\b[A-Za-z]+\b")]
    private static partial Regex Word();
}
