using System.Net;

namespace DistributedGpt.Cluster.Tests;

public sealed class SuspicionTests
{
    private static readonly SiloAddress A = Silo(1), B = Silo(2), C = Silo(3), D = Silo(4);

    private readonly Suspicion _suspicion = new();

    [Fact]
    public void BeginRound_FourPingsInARowUnanswered_SuspectsThePeer()
    {
        Play([A, B], [A, B], rounds: 3);

        Assert.Empty(Play([A, B], answering: [A], rounds: Suspicion.Limit));
        (SiloAddress[] suspects, SiloAddress[] reached) = _suspicion.BeginRound([A, B]);
        Assert.Equal([B], suspects);
        Assert.Equal([A], reached);
        Assert.True(_suspicion.Suspects(B));
    }

    [Fact]
    public void BeginRound_ALateAnswer_BeginsTheCountAnew()
    {
        Play([A, B], [A, B], rounds: 1);
        Play([A, B], [A], rounds: Suspicion.Limit);
        _suspicion.Answered(B);

        Assert.Empty(Play([A, B], [A], rounds: Suspicion.Limit));
    }

    [Fact]
    public void BeginRound_APeerThatNeverAnswered_IsNoSuspect()
    {
        Play([A], [A], rounds: 1);

        Assert.Empty(Play([A, B], [A], rounds: 10 * Suspicion.Limit));
    }

    [Fact]
    public void BeginRound_OfTwoSilos_SuspectsNobody()
    {
        Play([A], [A], rounds: 1);

        Assert.Empty(Play([A], [], rounds: 10 * Suspicion.Limit));
    }

    [Theory]
    [InlineData(2, 2)]
    [InlineData(3, 2)]
    [InlineData(4, 3)]
    public void BeginRound_HalfOfTheClusterOrMoreSilent_SuspectsNobody(int peers, int silent)
    {
        SiloAddress[] all = [.. Enumerable.Range(1, peers).Select(Silo)];
        Play(all, all, rounds: 1);

        Assert.Empty(Play(all, all[silent..], rounds: 10 * Suspicion.Limit));
    }

    [Fact]
    public void BeginRound_TwoOfFiveSilent_SuspectsBoth()
    {
        SiloAddress[] all = [A, B, C, D];
        Play(all, all, rounds: 1);

        Assert.Equal([A, B], Play(all, [C, D], rounds: Suspicion.Limit + 1).Order());
    }

    [Fact]
    public void BeginRound_APeerThatLeftAndCameBack_StartsAfresh()
    {
        Play([A, B], [A, B], rounds: 1);
        Play([A, B], [A], rounds: Suspicion.Limit);
        Play([A], [A], rounds: 1);

        Assert.Empty(Play([A, B], [A], rounds: Suspicion.Limit));
        Assert.False(_suspicion.Suspects(B));
    }

    [Fact]
    public void Judge_WhatOthersSay_DecidesAboutASuspect()
    {
        Play([A, B], [A, B], rounds: 1);
        Assert.Equal(SuspicionVerdict.Wait, _suspicion.Judge(C, B, [false]));
        Play([A, B], [A], rounds: Suspicion.Limit);

        Assert.Equal(SuspicionVerdict.Dead, _suspicion.Judge(C, B, [false]));
        Assert.Equal(SuspicionVerdict.Wait, _suspicion.Judge(C, B, []));
        Assert.Equal(SuspicionVerdict.Wait, _suspicion.Judge(A, B, [true]));
        Assert.Equal(SuspicionVerdict.Wait, _suspicion.Judge(A, B, [false, true]));
    }

    [Fact]
    public void Judge_AnEndOfASeveredLink_GivesUpTheYoungerOne()
    {
        SiloAddress restarted = SiloAddress.New(A.Endpoint, A.Generation + 1);
        Play([B, D], [B, D], rounds: 1);
        Play([B, D], [D], rounds: Suspicion.SeveredLimit);

        Assert.Equal(SuspicionVerdict.Severed, _suspicion.Judge(A, B, [true]));
        Assert.Equal(SuspicionVerdict.Wait, _suspicion.Judge(C, B, [true]));
        Assert.Equal(SuspicionVerdict.Wait, _suspicion.Judge(restarted, B, [true]));
        _suspicion.Answered(B);
        Assert.Equal(SuspicionVerdict.Wait, _suspicion.Judge(A, B, [true]));
    }

    private static SiloAddress Silo(int port) => SiloAddress.New(new IPEndPoint(IPAddress.Loopback, port), 1);

    /// <summary>Rounds in which those answer; gives everyone who was suspected at the beginning of one.</summary>
    private HashSet<SiloAddress> Play(SiloAddress[] peers, SiloAddress[] answering, int rounds)
    {
        HashSet<SiloAddress> suspects = [];
        for (int round = 0; round < rounds; round++)
        {
            suspects.UnionWith(_suspicion.BeginRound(peers).Suspects);
            foreach (SiloAddress peer in answering) _suspicion.Answered(peer);
        }

        return suspects;
    }
}
