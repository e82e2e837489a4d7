using System.Net;
using System.Text;
using System.Text.Json;
using DistributedGpt.Client;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>A cluster as its operator uses it.</summary>
public sealed class OperationTests
{
    [Fact]
    public async Task Terminate_ASilo_StreamsSayWhatTheyWouldHaveSaid()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B");
        StreamRequest[] requests = StreamRequest.OfEveryKind(80);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();

        var streams = new RunningStreams(cluster.Http, requests);
        await streams.ReachAsync(100);
        cluster.Silo("B").Signal("TERM");
        string[] disturbed = await streams.EndAsync();

        Assert.True(undisturbed.SequenceEqual(disturbed), cluster.Logs);
        Assert.Equal(0, (await cluster.Silo("B").EndAsync()).ExitCode);
    }

    [Fact]
    public async Task Drain_ASilo_MovesItsLayersWhileStreamsRun()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B");
        StreamRequest[] requests = StreamRequest.OfEveryKind(80);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();

        var streams = new RunningStreams(cluster.Http, requests);
        await streams.ReachAsync(100);
        string drained = await DgptProcess.RunAsync("silo", "drain", "A", "--cluster", cluster.Address);
        string[] disturbed = await streams.EndAsync();

        Assert.Equal("A is drained\n", drained);
        Assert.True(undisturbed.SequenceEqual(disturbed), cluster.Logs);
        JsonElement status = await cluster.StatusAsync();
        Assert.Equal(0, status.GetProperty("silos")[0].GetProperty("reserved_bytes").GetInt64());
        Assert.All(TestCluster.SilosOf(status.GetProperty("models")[0].GetProperty("replicas")[0]), silo => Assert.Equal("B", silo));

        // The other one has nobody left to give its layers to.
        await using DgptProcess last = DgptProcess.Start("silo", "drain", "B", "--cluster", cluster.Address);
        Assert.Equal(1, (await last.EndAsync()).ExitCode);
        Assert.Matches(@"^error: shakespeare: memory: layers 0 to 2 are on B; expected a silo with [\d,]+ free bytes, found A with 0\n$", last.Error);
    }

    [Fact]
    public async Task Rebalance_ASiloHasJoined_UsesItWhileStreamsRun()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B");
        StreamRequest[] requests = StreamRequest.OfEveryKind(80);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();

        var streams = new RunningStreams(cluster.Http, requests);
        await streams.ReachAsync(50);
        await cluster.StartSiloAsync("C");
        string rebalanced = await DgptProcess.RunAsync("rebalance", "--cluster", cluster.Address);
        string[] disturbed = await streams.EndAsync();

        Assert.Matches(@"^shakespeare/0: layers? 2[^\n]* to C\n(.*\n)*shakespeare/0: [\d,]+ tokens/s predicted instead of [\d,]+ \(\+\d+ %\)\n$", rebalanced);
        Assert.True(undisturbed.SequenceEqual(disturbed), cluster.Logs);
        JsonElement replica = await cluster.ReplicaAsync();
        Assert.Equal(["A", "B", "C"], TestCluster.SilosOf(replica).Order());

        string again = await DgptProcess.RunAsync("rebalance", TestCluster.Model, "--cluster", cluster.Address);
        Assert.Matches(@"^shakespeare/0 stays as it is: [\d,]+ tokens/s predicted instead of [\d,]+ \(\+0 %\)\n$", again);
        await using DgptProcess unknown = DgptProcess.Start("rebalance", "nothing", "--cluster", cluster.Address);
        Assert.Equal(1, (await unknown.EndAsync()).ExitCode);
        Assert.Equal("error: nothing: no model of that name is loaded\n", unknown.Error);
    }

    [Fact]
    public async Task Rebalance_Auto_ASiloThatJoinsIsUsedWithoutACommand()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new Dictionary<string, string> { ["DGPT_REBALANCE"] = "auto" }, "A", "B");
        await using ClusterConnection connection = await ClusterConnection.OpenAsync(ClusterAddress.Parse(cluster.Address), cancellationToken: TestContext.Current.CancellationToken);
        StreamLoad load = await StreamLoad.StartAsync(cluster.Http, StreamRequest.OfEveryKind(80)[..2]);

        await cluster.StartSiloAsync("C");
        await Waiting.UntilAsync(
            () => connection.Administration.GetStatusAsync(TestContext.Current.CancellationToken),
            status => status.Models[0].Replicas is [{ } replica] && replica.Stages.Any(stage => stage.Silo == "C"));
        await load.AllAdvanceAsync();
        await load.StopAsync();

        Assert.True(load.Mismatches.Count == 0, string.Join('\n', [.. load.Mismatches, cluster.Logs]));
        Assert.Equal(["A", "B", "C"], TestCluster.SilosOf(await cluster.ReplicaAsync()).Order());
        Assert.Matches(@"shakespeare/0: rebalancing, \d+ layers move for [\d,]+ tokens/s predicted instead of [\d,]+; the next move is 00:05:00 from now", cluster.Logs);
    }

    [Fact]
    public async Task Models_LoadedListedUnloaded_LeaveNothingBehind()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B");
        string second = await DgptProcess.RunAsync("model", "load", TestCluster.ModelFolder, "--name", "bard", "--kv-tokens", "512", "--cluster", cluster.Address);
        string list = await DgptProcess.RunAsync("model", "list", "--cluster", cluster.Address);
        Assert.Equal("bard is loaded\n", second);
        Assert.Equal($"bard\t{TestCluster.ModelFolder}\nshakespeare\t{TestCluster.ModelFolder}\n", list);

        // Both at once, each with what it says alone.
        string alone = await CompleteAsync(cluster, "shakespeare");
        string[] together = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => CompleteAsync(cluster, i % 2 == 0 ? "bard" : "shakespeare")));
        Assert.All(together, text => Assert.Equal(alone, text));

        foreach (string name in (string[])["bard", "shakespeare"])
            Assert.Equal($"{name} is unloaded\n", await DgptProcess.RunAsync("model", "unload", name, "--cluster", cluster.Address));

        JsonElement status = await cluster.StatusAsync();
        Assert.Empty(status.GetProperty("models").EnumerateArray());
        Assert.All(status.GetProperty("silos").EnumerateArray(), silo => Assert.Equal(0, silo.GetProperty("reserved_bytes").GetInt64()));
        using HttpResponseMessage refused = await PostAsync(cluster, "bard", tokens: 1);
        Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
    }

    [Fact]
    public async Task Unload_WhileStreamsRun_LetsThemEndOrEndsThemNow()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B");
        await using ClusterConnection connection = await ClusterConnection.OpenAsync(ClusterAddress.Parse(cluster.Address), cancellationToken: TestContext.Current.CancellationToken);
        StreamRequest[] requests = StreamRequest.OfEveryKind(200);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();

        var streams = new RunningStreams(cluster.Http, requests);
        await streams.BeginAsync();
        Task<bool> unload = connection.Administration.UnloadModelAsync(TestCluster.Model, cancellationToken: TestContext.Current.CancellationToken);
        await Waiting.UntilAsync(AskAnewAsync, answer => answer == HttpStatusCode.NotFound);
        Assert.False(unload.IsCompleted);
        string[] ended = await streams.EndAsync();
        Assert.Equal(undisturbed, ended);
        Assert.True(await unload);

        await DgptProcess.RunAsync("model", "load", TestCluster.ModelFolder, "--replicas", "2", "--cluster", cluster.Address);
        streams = new RunningStreams(cluster.Http, requests);
        await streams.BeginAsync();
        Assert.True(await connection.Administration.UnloadModelAsync(TestCluster.Model, now: true, TestContext.Current.CancellationToken));
        Assert.All(await streams.EndAsync(), text => Assert.Contains("is not loaded.", text));
        Assert.All((await cluster.StatusAsync()).GetProperty("silos").EnumerateArray(), silo => Assert.Equal(0, silo.GetProperty("reserved_bytes").GetInt64()));

        async Task<HttpStatusCode> AskAnewAsync()
        {
            using HttpResponseMessage response = await PostAsync(cluster, TestCluster.Model, tokens: 1);
            return response.StatusCode;
        }
    }

    [Fact]
    public async Task Client_ConnectsToTheCluster_GetsTheGatewaysText()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B");
        await using ClusterConnection connection = await ClusterConnection.OpenAsync(ClusterAddress.Parse(cluster.Address), cancellationToken: TestContext.Current.CancellationToken);

        IReadOnlyList<ModelInfo> models = await connection.Client.ListModelsAsync(TestContext.Current.CancellationToken);
        ClusterStatus status = await connection.Administration.GetStatusAsync(TestContext.Current.CancellationToken);

        Assert.Equal(TestCluster.Model, models.Single().Name);
        Assert.Equal(["A", "B"], status.Silos.Select(silo => silo.Name));
        Assert.Equal([0, 3], status.Models.Single().Replicas.Single().Stages.Select(stage => stage.FirstLayer));
    }

    [Fact]
    public async Task Terminate_ACommandThatFindsNoSilo_EndsIt()
    {
        await using var redis = new RedisServer();
        await using DgptProcess process = DgptProcess.Start("status", "--cluster", redis.Address("empty"), "--log-level", "warning");
        await process.LineAsync(line => line.Contains("Could not find any gateway", StringComparison.Ordinal));
        process.Signal("TERM");

        Assert.Equal((143, ""), await process.EndAsync());
        Assert.DoesNotContain("error:", process.Error);
    }

    [Fact]
    public async Task Status_NoSiloAnswers_SaysWhatWasTried()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A");
        await cluster.Silo("A").KillAsync();
        await using DgptProcess lost = DgptProcess.Start("status", "--cluster", cluster.Address), empty = DgptProcess.Start("status", "--cluster", cluster.Redis.Address("empty"));

        Assert.Equal((1, ""), await lost.EndAsync());
        Assert.Equal((1, ""), await empty.EndAsync());
        Assert.Matches(@"^error: redis://\S+/test: no silo of the cluster answers: tried 127\.0\.0\.1:\d+\n$", lost.Error);
        Assert.Matches(@"^error: redis://\S+/empty: no silo of the cluster answers: Redis lists none\n$", empty.Error);
    }

    [Theory]
    [InlineData("silo --name A", "Option '--cluster' is required.")]
    [InlineData("silo --name A --cluster http://x", "--cluster: expected redis://[user[:password]@]host[:port][/name] or rediss:// for TLS, found 'http://x'")]
    [InlineData("silo --name A --cluster redis://127.0.0.1:1/x --rebalance often", "--rebalance: expected auto or manual, found 'often'")]
    [InlineData("silo --name A --cluster redis://127.0.0.1:1/x --memory lots", "--memory: expected a size such as 8GiB or 512MiB, found 'lots'")]
    [InlineData("status --cluster redis://127.0.0.1/x?y", "--cluster: expected nothing behind the cluster's name, found '?y'")]
    [InlineData("status --cluster redis://127.0.0.1:1/x", "redis://127.0.0.1:1/x: Redis cannot be used: nothing answers there")]
    [InlineData("gateway --cluster redis://127.0.0.1:1/x --port 0", "redis://127.0.0.1:1/x: Redis cannot be used: nothing answers there")]
    public async Task BadInput_IsOneLineOfError(string command, string expected)
    {
        await using DgptProcess process = DgptProcess.Start(command.Split(' '));

        (int exitCode, string output) = await process.EndAsync();

        Assert.Equal((1, ""), (exitCode, output));
        Assert.StartsWith("error: " + expected, process.Error);
        Assert.Single(process.Error.TrimEnd('\n').Split('\n'));
    }

    [Theory]
    [InlineData("redis", "", "it refuses the user or the password")]
    [InlineData("redis", ":wrong@", "it refuses the user or the password")]
    [InlineData("rediss", ":secret@", "it speaks no TLS, has no trusted certificate, or refuses the user or the password")]
    public async Task BadInput_RedisThatRefuses_IsToldFromOneThatIsNotThere(string scheme, string user, string expected)
    {
        await using var redis = new RedisServer("--requirepass", "secret");
        string address = redis.Address("x");
        await using DgptProcess process = DgptProcess.Start("status", "--cluster", address.Replace("redis://", $"{scheme}://{user}", StringComparison.Ordinal));

        Assert.Equal(1, (await process.EndAsync()).ExitCode);
        Assert.Equal($"error: {scheme}{address["redis".Length..]}: Redis cannot be used: {expected}\n", process.Error);
    }

    [Fact]
    public async Task Load_FolderThatIsNone_NamesItAndLeavesNothing()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A");
        await using DgptProcess load = DgptProcess.Start("model", "load", "/nowhere", "--cluster", cluster.Address);

        (int exitCode, _) = await load.EndAsync();

        Assert.Equal(1, exitCode);
        Assert.StartsWith("error: /nowhere", load.Error);
        Assert.Single((await cluster.StatusAsync()).GetProperty("models").EnumerateArray());
    }

    [Fact]
    public async Task Load_ModelThatDoesNotFit_SaysTheNumbers()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A");
        await using DgptProcess load = DgptProcess.Start("model", "load", TestCluster.ModelFolder, "--name", "large", "--kv-tokens", "2000000000", "--cluster", cluster.Address);

        (int exitCode, _) = await load.EndAsync();

        Assert.Equal(1, exitCode);
        Assert.Matches(@"^error: \S+: memory: expected at least [\d,]+ bytes .* found [\d,]+ free\n$", load.Error);
        Assert.Single((await cluster.StatusAsync()).GetProperty("models").EnumerateArray());
    }

    private static async Task<string> CompleteAsync(TestCluster cluster, string model)
    {
        using HttpResponseMessage response = await PostAsync(cluster, model, tokens: 40);
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement.GetProperty("choices")[0].GetProperty("text").GetString()!;
    }

    private static Task<HttpResponseMessage> PostAsync(TestCluster cluster, string model, int tokens) => cluster.Http.PostAsync(
        "completions", new StringContent($$"""{"model": "{{model}}", "prompt": "ROMEO:", "seed": 1, "max_tokens": {{tokens}}}""", Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
}
