namespace DistributedGpt.Transformer;

/// <summary>Where libtorch comes from and how many threads it gets.</summary>
public sealed record TorchLibraryOptions
{
    /// <summary>
    /// An existing folder of libtorch 2.10.0 libraries, such as <c>site-packages/torch/lib</c> of a Python install. Null: the
    /// environment variable <c>DGPT_LIBTORCH</c>, then the folder that was published or built with the program.
    /// </summary>
    public string? Folder { get; init; }

    /// <summary>Threads of libtorch's CPU kernels; null leaves the choice to it. Only the first load's value counts.</summary>
    public int? Threads { get; init; }
}
