using System.Runtime.InteropServices;

namespace DistributedGpt.Engine;

/// <summary>What was sampled for a request, and how much of it was handed out under its latest submission.</summary>
internal sealed class RequestStream
{
    private readonly Completion[] _completions;

    public RequestStream(GenerateRequest request)
    {
        Submission = request.Submission;
        _completions = new Completion[request.Completions];
        for (int i = 0; i < _completions.Length; i++) _completions[i] = new Completion(request, i);
        Stop(request);
    }

    /// <summary>The latest submission.</summary>
    public int Submission { get; private set; }

    /// <summary>Whether every completion has its finish reason.</summary>
    public bool HasEnded => Array.TrueForAll(_completions, completion => completion.HasEnded);

    /// <summary>Whether tokens wait to be handed out.</summary>
    public bool HasUnsent => Array.Exists(_completions, completion => completion.Sent < completion.Length);

    /// <summary>Takes a newer submission; false, and no change, if its delivered ids are not a beginning of what was sampled here.</summary>
    public bool Reopen(GenerateRequest request)
    {
        if (request.Submission <= Submission) return true;
        for (int i = 0; i < _completions.Length; i++)
        {
            if (!_completions[i].BeginsWith(Delivered(request, i))) return false;
        }

        Submission = request.Submission;
        for (int i = 0; i < _completions.Length; i++) _completions[i].Sent = Delivered(request, i).Length;
        Stop(request);
        return true;
    }

    public void Add(TokenEvent token) => _completions[token.Sequence.Completion].Add(token);

    /// <summary>Moves what waits into a batch, until that has <paramref name="limit"/> entries.</summary>
    public void Take(List<TokenEntry> entries, int limit)
    {
        foreach (Completion from in _completions)
        {
            for (; from.Sent < from.Length && entries.Count < limit; from.Sent++)
                entries.Add(new TokenEntry(Submission, from.TokenAt(from.Sent)));
        }
    }

    private void Stop(GenerateRequest request)
    {
        foreach (int completion in request.Stopped) _completions[completion].Stop();
    }

    private static int[] Delivered(GenerateRequest request, int completion) =>
        completion < request.Delivered.Length ? request.Delivered[completion] : [];

    private sealed class Completion
    {
        private readonly int _first;
        private readonly List<int> _ids;
        private readonly List<TokenEvent> _tokens = [];

        public Completion(GenerateRequest request, int index)
        {
            int[] delivered = Delivered(request, index);
            _ids = [.. delivered];
            _first = Sent = delivered.Length;
            HasEnded = delivered.Length > 0 && request.FinishAfter(delivered.Length, delivered[^1]) != FinishReason.None;
        }

        /// <summary>Ids known: those that the client had at first, and those sampled since.</summary>
        public int Length => _ids.Count;

        public int Sent { get; set; }

        public bool HasEnded { get; private set; }

        /// <summary>A token sampled here; what the client had at first is never handed out.</summary>
        public TokenEvent TokenAt(int index) => _tokens[index - _first];

        public bool BeginsWith(int[] ids) =>
            ids.Length >= _first && ids.Length <= _ids.Count && CollectionsMarshal.AsSpan(_ids)[..ids.Length].SequenceEqual(ids);

        /// <summary>The client has all that it wants.</summary>
        public void Stop()
        {
            HasEnded = true;
            Sent = Length;
        }

        public void Add(TokenEvent token)
        {
            _ids.Add(token.Id);
            _tokens.Add(token);
            HasEnded = token.FinishReason != FinishReason.None;
        }
    }
}
