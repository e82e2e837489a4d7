using System.ClientModel;
using System.Net;
using System.Text.Json;
using OpenAI;
using OpenAI.Models;

namespace DistributedGpt.Gateway.Tests;

public sealed class ModelTests(GatewayFixture gateway)
{
    [Fact]
    public async Task OpenAIClient_GetModels_ListsTheModel()
    {
        OpenAIModel model = Assert.Single((await Client().GetModelsAsync()).Value);

        Assert.Equal(GatewayFixture.ModelName, model.Id);
        Assert.Equal("distributedgpt", model.OwnedBy);
        Assert.InRange(model.CreatedAt, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow);
    }

    [Fact]
    public async Task OpenAIClient_GetModel_FindsANameWithASlash()
    {
        OpenAIModel model = (await Client().GetModelAsync(GatewayFixture.ModelName)).Value;

        Assert.Equal(GatewayFixture.ModelName, model.Id);
    }

    [Fact]
    public async Task OpenAIClient_GetUnknownModel_ShowsTheMessage()
    {
        ClientResultException error = await Assert.ThrowsAsync<ClientResultException>(() => Client().GetModelAsync("nobody"));

        Assert.Equal(404, error.Status);
        Assert.Contains("The model 'nobody' does not exist.", error.Message);
    }

    [Theory]
    [InlineData("/v1/models/test/llama")]
    [InlineData("/v1/models/test%2Fllama")]
    [InlineData("/v1/models/test%2fllama")]
    public async Task Get_ModelByPath_HasItsFields(string path)
    {
        using HttpResponseMessage response = await gateway.Http.Http.GetAsync(path);
        JsonElement model = await GatewayClient.ReadAsync(response);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(["id", "object", "created", "owned_by"], model.EnumerateObject().Select(item => item.Name));
        Assert.Equal("model", model.GetProperty("object").GetString());
    }

    private OpenAIModelClient Client() =>
        new(new ApiKeyCredential("unused"), new OpenAIClientOptions { Endpoint = new Uri(gateway.Server.Address, "/v1") });
}
