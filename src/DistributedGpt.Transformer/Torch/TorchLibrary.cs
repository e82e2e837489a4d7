using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using TorchSharp;

namespace DistributedGpt.Transformer;

/// <summary>
/// Loads libtorch's native libraries before TorchSharp's first use. TorchSharp looks for them in the output folder and in
/// <c>runtimes/</c> only; here they may also stand in a folder that the user names, in <c>libtorch/</c> next to the executable, or
/// where the build has linked them (LibTorch.targets). Loaded once per process; thread-safe.
/// </summary>
public static partial class TorchLibrary
{
    /// <summary>The environment variable that names an existing libtorch folder.</summary>
    public const string FolderVariable = "DGPT_LIBTORCH";

    /// <summary>
    /// The libtorch that this TorchSharp is built for. Not asked of TorchSharp: its first use looks for the libraries itself, and
    /// copies them out of the package cache where it must.
    /// </summary>
    internal const string Version = "2.10.0";

    /// <summary>
    /// The symbol version that libLibTorchSharp.so asks for and Debian 12's libstdc++ lacks. Its only symbol,
    /// <c>ios_base_library_init</c>, is a marker that no relocation uses.
    /// </summary>
    private const string MarkerVersion = "GLIBCXX_3.4.32";

    private static readonly Lock s_gate = new();
    private static string? s_folder;
    private static nint s_torchSharp;

    /// <summary>Loads libtorch, or returns at once where that was done before.</summary>
    /// <returns>The folder that libtorch was loaded from.</returns>
    /// <exception cref="TorchUnavailableException">There is none, or it does not load.</exception>
    public static string Load(TorchLibraryOptions options)
    {
        lock (s_gate)
        {
            if (s_folder is not null) return s_folder;
            string folder = FindFolder(options.Folder);
            if (options.Threads is int threads) SetNativeVariable("OMP_NUM_THREADS", threads.ToString());
            LoadFrom(folder);
            AssemblyLoadContext.Default.ResolvingUnmanagedDll += (assembly, name) => name.Contains("LibTorchSharp") ? s_torchSharp : 0;
            if (options.Threads is int count) torch.set_num_threads(count);
            return s_folder = folder;
        }
    }

    internal static string FindFolder(string? named)
    {
        named ??= Environment.GetEnvironmentVariable(FolderVariable);
        if (!string.IsNullOrEmpty(named))
        {
            return HasTorch(named) ? Path.GetFullPath(named) : throw new TorchUnavailableException(
                $"{named} is no libtorch folder: it has no {FileName("torch_cpu")}. Name the folder that holds it, " +
                $"such as site-packages/torch/lib of a Python install of PyTorch {Version}.");
        }
        string[] candidates = [.. OwnFolders()];
        return candidates.FirstOrDefault(HasTorch) ?? throw new TorchUnavailableException(
            $"libtorch is missing: no {FileName("torch_cpu")} in {string.Join(", ", candidates)}. Build with -p:TorchBackend=cpu " +
            $"(or cuda), or let {FolderVariable} name an existing folder of libtorch {Version}.");
    }

    /// <summary>Where a publish and a build put libtorch.</summary>
    private static IEnumerable<string> OwnFolders()
    {
        yield return Path.Combine(AppContext.BaseDirectory, "libtorch");
        yield return Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native");
        yield return AppContext.BaseDirectory;
        string? built = typeof(TorchLibrary).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .FirstOrDefault(attribute => attribute.Key == "LibTorch")?.Value;
        if (built is not null) yield return built;
    }

    private static bool HasTorch(string folder) => File.Exists(Path.Combine(folder, FileName("torch_cpu")));

    private static void LoadFrom(string folder)
    {
        string bridge = new[] { folder }.Concat(OwnFolders()).Select(place => Path.Combine(place, FileName("LibTorchSharp")))
            .FirstOrDefault(File.Exists) ?? throw new TorchUnavailableException(
            $"{FileName("LibTorchSharp")} is missing: it comes with the package TorchSharp, neither {folder} nor the program's own " +
            "folder has it. Build with -p:TorchBackend=cpu (or cuda), or copy it there.");
        try
        {
            // Dependencies first and by full path: those that ask for them by name then find them loaded. What a folder does
            // not have (CUDA's in a CPU build) is not asked for.
            foreach (string name in (string[])["c10", "torch_cpu", "c10_cuda", "torch_cuda", "torch"])
            {
                string path = Path.Combine(folder, FileName(name));
                if (File.Exists(path)) NativeLibrary.Load(path);
            }
            s_torchSharp = LoadBridge(bridge);
        }
        catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
        {
            throw new TorchUnavailableException(
                $"libtorch in {folder} does not load: {exception.Message.Trim()}. TorchSharp needs libtorch {Version}.", exception);
        }
    }

    private static nint LoadBridge(string path)
    {
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (DllNotFoundException exception) when (OperatingSystem.IsLinux() && exception.Message.Contains(MarkerVersion))
        {
            return LoadWithoutMarker(path);
        }
    }

    /// <summary>Loads a private copy of <paramref name="path"/> that tolerates a libstdc++ older than GCC 13's.</summary>
    private static nint LoadWithoutMarker(string path)
    {
        byte[] library = File.ReadAllBytes(path);
        ElfVersionNeeds.MarkWeak(library, MarkerVersion);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("dgpt-");
        try
        {
            string copy = Path.Combine(folder.FullName, Path.GetFileName(path));
            File.WriteAllBytes(copy, library);
            return NativeLibrary.Load(copy);
        }
        finally
        {
            // A loaded library stays mapped without its file.
            folder.Delete(recursive: true);
        }
    }

    internal static string FileName(string name) =>
        OperatingSystem.IsWindows() ? $"{name}.dll" : OperatingSystem.IsMacOS() ? $"lib{name}.dylib" : $"lib{name}.so";

    /// <summary>Sets a variable where native code sees it: .NET keeps its own copy of the environment outside Windows.</summary>
    private static void SetNativeVariable(string name, string value)
    {
        if (OperatingSystem.IsWindows()) Environment.SetEnvironmentVariable(name, value);
        else setenv(name, value, 1);
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);
}
