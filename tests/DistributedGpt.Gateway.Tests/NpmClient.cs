using System.Diagnostics;
using System.Text;
using System.Text.Json;
using DistributedGpt.Tests;

namespace DistributedGpt.Gateway.Tests;

/// <summary>OpenAI's client for Node.js, in a process of its own.</summary>
internal static class NpmClient
{
    private static readonly string Folder = Path.Combine(TestData.RepositoryRoot, "tests", "npm");

    /// <summary>Makes the calls one after the other; the test is skipped where the set-up is missing.</summary>
    public static async Task<NpmResult[]> CallAsync(Uri gateway, params string[] fields)
    {
        Assert.SkipUnless(File.Exists(Path.Combine(Folder, "node_modules", ".installed")), "tests/setup/npm.sh has not been run");
        var start = new ProcessStartInfo("node", Path.Combine(Folder, "completions.cjs"))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = Encoding.UTF8,
        };
        using Process process = Process.Start(start)!;
        JsonElement[] calls = [.. fields.Select(each => JsonDocument.Parse(GatewayClient.Body(each)).RootElement)];
        await process.StandardInput.WriteAsync(JsonSerializer.Serialize(new { baseURL = new Uri(gateway, "/v1"), calls }));
        process.StandardInput.Close();
        string json = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        return JsonSerializer.Deserialize<NpmResult[]>(json, JsonSerializerOptions.Web)!;
    }
}
