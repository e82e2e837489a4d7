using System.Text.RegularExpressions;
using DistributedGpt.Transformer;

namespace DistributedGpt.Tests;

public sealed class RenamedPeopleTests
{
    private const string Play =
        "ROMEO:\nIs the duke gone, Juliet?\n\nJULIET:\nHe is, Romeo. O ROMEO!\n\nDUKE:\nRomeo's here, Lucentio.\n\nLUCENTIO:\nIs it I or II?\n\n" +
        "HORTENSIO:\n\nMERCUTIO:\n\nLUCIO:\n\nSICINIUS:\n\nMENENIUS:\n\nCOMINIUS:\n\nROSALIND:\n\nANGELO:\n\nANTONIO:\n\nVINCENTIO:\nI am.\n";

    [Fact]
    public void Read_AllNames_AreReplacedAlikeWhereverTheyStand()
    {
        string read = new RenamedPeople(Play).Read(1, new Random(1));

        Dictionary<string, string> readAs = [];
        foreach ((string word, string other) in Words(Play).Zip(Words(read))) Assert.Equal(other, readAs[word] = readAs.GetValueOrDefault(word, other));
        Assert.Equal(Regex.Replace(Play, "[A-Za-z]+", word => readAs[word.Value]), read);
        Assert.Equal(readAs["ROMEO"][0] + readAs["ROMEO"][1..].ToLowerInvariant(), readAs["Romeo"]);
        string[] renamed = [.. readAs.Where(pair => pair.Key != pair.Value).Select(pair => pair.Key)];
        Assert.True(renamed.Length >= 5);
        Assert.All(renamed, word => Assert.Contains(word.ToUpperInvariant() + ":", Play));
        Assert.All(renamed, word => Assert.DoesNotContain(readAs[word], Words(Play)));
        Assert.DoesNotContain("DUKE", renamed);
    }

    [Fact]
    public void Read_NoShare_IsTheText() => Assert.Equal(Play, new RenamedPeople(Play).Read(0, new Random(1)));

    [Fact]
    public void Read_TextWithoutNames_IsTheText()
    {
        const string text = "No one speaks here, and NO is no name.";

        Assert.Equal(text, new RenamedPeople(text).Read(1, new Random(1)));
    }

    [Fact]
    public void Read_Shakespeare_RenamesItsShareAnewEachTime()
    {
        string text = File.ReadAllText(TestData.Find("tinyshakespeare.txt"));
        RenamedPeople people = new(text);
        string first = people.Read(0.5, new Random(1)), again = people.Read(0.5, new Random(1)), second = people.Read(0.5, new Random(2));

        Assert.Equal(first, again);
        Assert.NotEqual(first, second);
        string[] names = ["ROMEO", "JULIET", "MENENIUS", "CORIOLANUS", "LEONTES", "ISABELLA", "LUCIO", "PETRUCHIO", "TRANIO", "KATHARINA", "GREMIO", "ANGELO"];
        Assert.InRange(names.Count(name => first.Contains(name + ":")), 2, 10);
        Assert.Contains("\nKING ", first);
    }

    private static IEnumerable<string> Words(string text) => Regex.Matches(text, "[A-Za-z]+").Select(match => match.Value);
}
