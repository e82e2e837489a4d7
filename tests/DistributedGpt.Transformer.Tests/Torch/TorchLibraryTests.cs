using DistributedGpt.Transformer;
using TorchSharp;

namespace DistributedGpt.Tests;

public sealed class TorchLibraryTests
{
    [Fact]
    public void Load_BuiltLibraries_MultipliesMatrices()
    {
        string folder = TorchLibrary.Load(new());

        Assert.True(Directory.Exists(folder));
        using torch.Tensor left = torch.tensor(new float[] { 1, 2, 3, 4 }, [2, 2]);
        using torch.Tensor right = torch.tensor(new float[] { 5, 6, 7, 8 }, [2, 2]);
        using torch.Tensor product = left.matmul(right);
        Assert.Equal([19, 22, 43, 50], product.data<float>().ToArray());
    }

    [Fact]
    public void FindFolder_NamedFolderWithoutLibtorch_SaysWhatIsMissingAndWhatToName()
    {
        TorchUnavailableException exception = Assert.Throws<TorchUnavailableException>(() => TorchLibrary.FindFolder(AppContext.BaseDirectory));

        Assert.Contains(AppContext.BaseDirectory, exception.Message);
        Assert.Contains("torch_cpu", exception.Message);
        Assert.Contains("site-packages/torch/lib", exception.Message);
    }

    [Fact]
    public void FindFolder_ExistingLibtorchFolder_IsTakenBeforeTheBuiltOne()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory();
        try
        {
            File.WriteAllBytes(Path.Combine(folder.FullName, TorchLibrary.FileName("torch_cpu")), []);
            Assert.Equal(folder.FullName, TorchLibrary.FindFolder(folder.FullName));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
