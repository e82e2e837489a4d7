using TorchSharp;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>Finds the device that a user names.</summary>
internal static class TorchDevice
{
    /// <summary>Loads libtorch, if this process has not yet, and takes the device.</summary>
    /// <param name="name"><c>cpu</c>, <c>cuda</c> or <c>cuda:i</c>.</param>
    /// <param name="library">Where libtorch comes from.</param>
    /// <exception cref="ArgumentException">There is no such kind of device.</exception>
    /// <exception cref="TorchUnavailableException">libtorch does not load, or has no such device.</exception>
    public static Device Open(string name, TorchLibraryOptions library)
    {
        int index = Parse(name);
        string folder = TorchLibrary.Load(library);
        if (index < 0) return CPU;
        if (!TryInitializeDeviceType(DeviceType.CUDA) || !cuda.is_available())
        {
            throw new TorchUnavailableException(
                $"{name}: libtorch in {folder} finds no CUDA device. It takes an NVIDIA GPU with its driver (nvidia-smi lists it) and " +
                $"a libtorch with CUDA: build with -p:TorchBackend=cuda, or let {TorchLibrary.FolderVariable} name one.");
        }
        if (index >= cuda.device_count())
            throw new TorchUnavailableException($"{name}: there are {cuda.device_count()} CUDA devices, numbered from 0.");
        return new Device(DeviceType.CUDA, index);
    }

    /// <summary>Checks that <paramref name="name"/> is a device's.</summary>
    /// <returns>-1 for the CPU, otherwise the number of the CUDA device.</returns>
    /// <exception cref="ArgumentException">There is no such kind of device.</exception>
    public static int Parse(string name)
    {
        if (name == "cpu") return -1;
        if (name == "cuda") return 0;
        if (name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name.AsSpan(5), out int index) && index >= 0) return index;
        throw new ArgumentException($"device: expected cpu or cuda[:index], found {name}", nameof(name));
    }
}
