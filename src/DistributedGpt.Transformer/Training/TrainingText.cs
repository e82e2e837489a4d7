namespace DistributedGpt.Transformer;

/// <summary>
/// A text's three parts, by characters: the first 90 % are for training, of which the last 3 % only choose between checkpoints;
/// the last 10 % are held out, and neither tokenizer nor model nor any choice sees them.
/// </summary>
/// <param name="Training">What gradients are computed on.</param>
/// <param name="Selection">What checkpoints are chosen on.</param>
/// <param name="HeldOut">What the final figure is measured on.</param>
public sealed record TrainingText(string Training, string Selection, string HeldOut)
{
    /// <summary>Cuts <paramref name="text"/>.</summary>
    public static TrainingText Split(string text)
    {
        int heldOut = (int)(text.Length * 9L / 10);
        int selection = (int)(heldOut * 97L / 100);
        return new(text[..selection], text[selection..heldOut], text[heldOut..]);
    }
}
