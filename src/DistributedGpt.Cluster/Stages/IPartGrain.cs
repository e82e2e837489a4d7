namespace DistributedGpt.Cluster;

/// <summary>A grain that owns a part of a model: an embedding, a layer or a head.</summary>
internal interface IPartGrain : IGrainWithStringKey
{
    /// <summary>
    /// Loads the part on the silo that the plan names, or adopts it there. The call carries that silo as its placement hint; an
    /// activation elsewhere moves, answers <see cref="LoadReply.Moved"/> and is to be asked again.
    /// </summary>
    [ResponseTimeout("01:00:00")]
    Task<LoadReply> Load(LoadRequest request);
}
