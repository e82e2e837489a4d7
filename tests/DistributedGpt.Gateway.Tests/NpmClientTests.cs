namespace DistributedGpt.Gateway.Tests;

public sealed class NpmClientTests(GatewayFixture gateway)
{
    private const string Fields = "\"max_tokens\": 40, \"ignore_eos\": true";

    [Fact]
    public async Task OpenAIClient_Completions_ReadsAnswersAndStreams()
    {
        NpmResult[] results = await NpmClient.CallAsync(
            gateway.Server.Address, Fields, Fields + ", \"stream\": true, \"n\": 2, \"stream_options\": {\"include_usage\": true}");

        string expected = CompletionTests.Text(await gateway.Http.CompleteAsync(Fields));
        Assert.All(results, result => Assert.Null(result.Error));
        Assert.Equal(expected, CompletionTests.Text(results[0].Completion!.Value));
        Assert.Equal((5, 40, 45), CompletionTests.Usage(results[0].Completion!.Value));
        Assert.Equal([expected, expected], new[] { 0, 1 }.Select(index => GatewayClient.Join(results[1].Chunks, index)));
        Assert.Equal((5, 80, 85), CompletionTests.Usage(results[1].Chunks[^1]));
    }

    [Fact]
    public async Task OpenAIClient_Refusals_AreItsErrorsAndNotRepeated()
    {
        NpmResult[] results = await NpmClient.CallAsync(
            gateway.Server.Address, "\"model\": \"nobody\"", "\"temperature\": 9", "\"temperature\": 9, \"stream\": true", "\"max_tokens\": 1000");

        Assert.Equal(
            [("NotFoundError", 404, "model_not_found", "model"), ("BadRequestError", 400, "invalid_value", "temperature"), ("BadRequestError", 400, "invalid_value", "temperature"), ("BadRequestError", 400, "context_length_exceeded", "max_tokens")],
            results.Select(result => (result.Error!.Type, result.Error.Status, result.Error.Code, result.Error.Param)));
        Assert.All(results, result => Assert.Equal(1, result.Requests));
        Assert.Equal("404 The model 'nobody' does not exist.", results[0].Error!.Message);
    }
}
