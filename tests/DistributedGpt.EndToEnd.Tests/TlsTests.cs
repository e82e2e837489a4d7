namespace DistributedGpt.EndToEnd.Tests;

/// <summary>Silos, gateways and commands that show each other certificates.</summary>
public sealed class TlsTests
{
    private const string Refusal = "it has shown no certificate of this cluster's authority";

    [Fact]
    public async Task Cluster_WithTls_SaysTheSameThroughAKillAndRefusesStrangers()
    {
        using var authority = new TestAuthority();
        using var stranger = new TestAuthority();
        await using TestCluster cluster = await TestCluster.StartEncryptedAsync(authority, "A", "B", "C");
        StreamRequest[] requests = StreamRequest.OfEveryKind(60);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();
        Assert.StartsWith(await DgptProcess.RunAsync("generate", "ROMEO:", "--model", TestCluster.ModelFolder, "--temperature", "0", "--max-tokens", "60", "--ignore-eos"), undisturbed[0]);

        string victim = await cluster.HeadSiloAsync();
        var streams = new RunningStreams(cluster.Http, requests);
        await streams.ReachAsync(100);
        await cluster.Silo(victim).KillAsync();
        string[] disturbed = await streams.EndAsync();
        Assert.True(undisturbed.SequenceEqual(disturbed), cluster.Logs);
        Assert.Contains("refuses another: declaring it dead", cluster.Logs, StringComparison.Ordinal);
        await cluster.StartSiloAsync(victim);
        await cluster.AssertNothingIsLeftAsync("A", "B", "C");

        await RefusedAsync(["silo", "--name", "D", "--cluster", cluster.Address, "--memory", "1GiB", "--layer-ms", "1:1", .. stranger.Arguments]);
        await RefusedAsync("status", "--cluster", cluster.Address);
        Assert.Equal(["A", "B", "C"], await cluster.ActiveSilosAsync());

        async Task RefusedAsync(params IEnumerable<string> command)
        {
            int before = cluster.Logs.Split(Refusal).Length;
            await using DgptProcess process = DgptProcess.Start(command);
            await Waiting.UntilAsync(() => Task.FromResult(cluster.Logs.Split(Refusal).Length), refusals => refusals > before);
            Assert.Equal(["A", "B", "C"], await cluster.ActiveSilosAsync());
        }
    }

    [Theory]
    [InlineData("--tls-ca {ca}", "--tls-certificate: expected beside --tls-ca")]
    [InlineData("--tls-certificate {member} --tls-key {key}", "--tls-ca: expected beside --tls-certificate and --tls-key")]
    [InlineData("--tls-certificate {member} --tls-key {key} --tls-ca /nowhere", "/nowhere: cannot be read: ")]
    [InlineData("--tls-certificate {key} --tls-key {key} --tls-ca {ca}", "{key}: expected a certificate in PEM: ")]
    [InlineData("--tls-certificate {member} --tls-key {member} --tls-ca {ca}", "{member}: expected the private key, in PEM, of {member}: ")]
    [InlineData("--tls-certificate {member} --tls-key {key} --tls-ca {key}", "{key}: expected certificates in PEM, found none")]
    [InlineData("--tls-certificate {member} --tls-key {key} --tls-ca {other}", "{member}: expected a certificate of {other}: ")]
    [InlineData("--address 192.0.2.1", "--address: other machines reach 192.0.2.1, and what is said there would not be encrypted: expected --tls-certificate, --tls-key and --tls-ca, or --unencrypted")]
    [InlineData("--listen 0.0.0.0", "--listen: other machines reach 0.0.0.0, ")]
    public async Task BadInput_IsOneLineOfError(string options, string expected)
    {
        using var authority = new TestAuthority();
        using var other = new TestAuthority();
        await using DgptProcess process = DgptProcess.Start(["silo", "--cluster", "redis://127.0.0.1:1/x", .. Fill(options).Split(' ')]);

        (int exitCode, string output) = await process.EndAsync();

        Assert.Equal((1, ""), (exitCode, output));
        Assert.StartsWith("error: " + Fill(expected), process.Error);
        Assert.Single(process.Error.TrimEnd('\n').Split('\n'));

        string Fill(string text) => text.Replace("{ca}", authority.Authority, StringComparison.Ordinal).Replace("{member}", authority.Certificate, StringComparison.Ordinal)
            .Replace("{key}", authority.Key, StringComparison.Ordinal).Replace("{other}", other.Authority, StringComparison.Ordinal);
    }
}
