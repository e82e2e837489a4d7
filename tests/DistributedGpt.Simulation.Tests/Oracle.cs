namespace DistributedGpt.Simulation.Tests;

/// <summary>
/// What a client must have read, computed without blocks, steps and faults. On an exact device there is one right text; on another
/// every token must be a possible one after exactly the tokens that the client read before it.
/// </summary>
internal static class Oracle
{
    public static void Check(SimulationCase @case, GenerateRequest request, int completion, IReadOnlyList<TokenEvent> text)
    {
        var caches = new List<ulong>[@case.Stages * @case.LayersPerStage];
        for (int layer = 0; layer < caches.Length; layer++) caches[layer] = [];
        ulong hidden = 0, history = 0;
        int position = 0;
        foreach (int id in request.PromptIds) Feed(id);
        for (int i = 0; i < text.Count; i++)
        {
            TokenEvent token = text[i];
            int kind = FakeModel.Kind(hidden, request.Sampling, completion, position, i, history);
            TokenLogprobs? logprobs = FakeModel.Logprobs(hidden, request.Sampling);
            bool right = @case.Exact ? token.Id == kind * FakeModel.Variants : token.Id / FakeModel.Variants == kind;
            if (!right) Fail(i, $"expected a token of kind {kind}, found {token.Id}");
            if (token.Position != position) Fail(i, $"expected at position {position}, found at {token.Position}");
            if (token.Logprobs?.Chosen != logprobs?.Chosen) Fail(i, $"expected log-probability {logprobs?.Chosen}, found {token.Logprobs?.Chosen}");
            FinishReason finish = request.Sampling.IsStopToken(token.Id) ? FinishReason.Stop : i + 1 == request.MaxTokens ? FinishReason.Length : FinishReason.None;
            if (token.FinishReason != finish) Fail(i, $"expected finish reason {finish}, found {token.FinishReason}");
            if (finish != FinishReason.None && i + 1 < text.Count) Fail(i + 1, "nothing was to follow");
            Feed(token.Id);
        }

        void Feed(int id)
        {
            ulong x = FakeModel.Embed(id, position++);
            for (int layer = 0; layer < caches.Length; layer++)
            {
                caches[layer].Add(FakeModel.KeyValue(layer, x));
                x = FakeModel.Query(layer, x);
                foreach (ulong kv in caches[layer]) x = Mix.In(x, kv);
            }

            hidden = x;
            history = FakeModel.Fold(history, id);
        }

        void Fail(int index, string what) =>
            throw new SimulationFailure($"request {Array.FindIndex(@case.Requests, each => each.Request.Id == request.Id)}, completion {completion}, token {index}: {what}");
    }
}
