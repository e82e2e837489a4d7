namespace DistributedGpt.Models;

/// <summary>A token that is recognised in the text before the model splits it.</summary>
/// <param name="Id">The id that the library gives it: that of the same text in the vocabulary, else the next free one.</param>
/// <param name="Content">Its text.</param>
/// <param name="Special">Whether it is a control token: content must not be able to forge it, and decoding usually hides it.</param>
internal readonly record struct AddedToken(int Id, string Content, bool Special);
