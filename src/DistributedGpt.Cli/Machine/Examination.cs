using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using DistributedGpt.Transformer;
using Arm = System.Runtime.Intrinsics.Arm;

namespace DistributedGpt.Cli;

/// <summary>Looks at what this machine offers.</summary>
internal static class Examination
{
    private const long LargestBuffer = 1_000_000_000;
    private const long EnoughDisk = 5L << 30;

    /// <summary>The findings, one after the other: some take a second.</summary>
    public static IEnumerable<Finding> Run()
    {
        yield return new Finding(".NET", true, $"{RuntimeInformation.FrameworkDescription} on {RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}");
        yield return Processor();
        yield return Memory();
        yield return Bandwidth();
        yield return Gpu();
        yield return LibTorch();
        foreach (Finding port in new[] { (8080, "HTTP, serve --port"), (11111, "silos"), (30000, "clients of silos") }.Select(item => Port(item.Item1, item.Item2))) yield return port;
        yield return Disk();
        yield return Model();
    }

    private static Finding Processor()
    {
        (string Name, bool Supported)[] features =
        [
            ("AVX2", Avx2.IsSupported), ("FMA", Fma.IsSupported), ("AVX-512", Avx512F.IsSupported), ("AVX-512 VBMI", Avx512Vbmi.IsSupported),
            ("AVX-VNNI", AvxVnni.IsSupported), ("AdvSimd", Arm.AdvSimd.IsSupported),
        ];
        string text = $"{Environment.ProcessorCount} cores, {string.Join(", ", features.Where(feature => feature.Supported).Select(feature => feature.Name))}";
        return Avx2.IsSupported || Arm.AdvSimd.IsSupported
            ? new Finding("processor", true, text)
            : new Finding("processor", false, text + "; without AVX2 everything is several times slower", "unset DOTNET_EnableAVX2, if it is 0");
    }

    private static Finding Memory()
    {
        GCMemoryInfo memory = GC.GetGCMemoryInfo();
        long free = memory.TotalAvailableMemoryBytes - memory.MemoryLoadBytes;
        return new Finding("memory", null, $"{Report.Bytes(memory.TotalAvailableMemoryBytes)}, about {Report.Bytes(Math.Max(0, free))} of it free");
    }

    private static Finding Bandwidth()
    {
        GCMemoryInfo memory = GC.GetGCMemoryInfo();
        long bytes = Math.Min(LargestBuffer, Math.Max(64 << 20, (memory.TotalAvailableMemoryBytes - memory.MemoryLoadBytes) / 4)) & ~4095L;
        (double speed, int threads) = MemoryBandwidth.Measure(bytes);
        return new Finding("memory speed", null, $"{speed / 1e9:F1} GB/s read with {threads} thread{(threads == 1 ? "" : "s")}: a model of 1 GB decodes at most {speed / 1e9:F0} tokens/s for one request");
    }

    private static Finding Gpu()
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("nvidia-smi", ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"])
            {
                RedirectStandardOutput = true, RedirectStandardError = true,
            })!;
            string text = process.StandardOutput.ReadToEnd().Trim();
            process.WaitForExit();
            return process.ExitCode == 0
                ? new Finding("GPU", true, text.ReplaceLineEndings("; "), "to compute on it, build with -p:TorchBackend=cuda and give --device cuda")
                : new Finding("GPU", false, $"nvidia-smi failed with exit code {process.ExitCode}", "install or repair the NVIDIA driver");
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return new Finding("GPU", null, "none found (there is no nvidia-smi); the CPU computes");
        }
    }

    private static Finding LibTorch()
    {
        try
        {
            return new Finding("libtorch", true, $"loads, from {TorchLibrary.Load(new TorchLibraryOptions())}");
        }
        catch (TorchUnavailableException e)
        {
            return new Finding(
                "libtorch", false, $"{e.Message} Only training and --device cuda need it.",
                $"build with -p:TorchBackend=cpu, or export {TorchLibrary.FolderVariable}=DIR with the folder of an existing libtorch");
        }
    }

    private static Finding Port(int port, string use) => Ports.IsFree(IPAddress.Loopback, port)
        ? new Finding($"port {port}", true, $"free ({use})")
        : new Finding($"port {port}", false, $"taken ({use})", OperatingSystem.IsLinux() ? $"ss -ltnp 'sport = :{port}' shows by whom; or choose another port" : "choose another port");

    private static Finding Disk()
    {
        var drive = new DriveInfo(Path.GetFullPath("."));
        bool enough = drive.AvailableFreeSpace >= EnoughDisk;
        return new Finding(
            "disk", enough, $"{Report.Bytes(drive.AvailableFreeSpace)} free on {drive.Name}", enough ? null : $"free some: a build with its packages takes up to {Report.Bytes(EnoughDisk)}");
    }

    private static Finding Model()
    {
        try
        {
            return new Finding("bundled model", true, BundledModel.Find());
        }
        catch (InputException e)
        {
            return new Finding("bundled model", false, e.Message, "git checkout -- models");
        }
    }
}
