using DistributedGpt.Digest;
using DistributedGpt.Models;

// Prints the digest of each folder's logits: the same on every machine, under every DOTNET_Enable* switch.
foreach (string path in args)
{
    using ModelFolder folder = ModelFolder.Open(path);
    Console.WriteLine(LogitsDigest.Of(folder, threads: 2));
}
