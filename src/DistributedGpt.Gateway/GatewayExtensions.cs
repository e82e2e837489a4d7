using DistributedGpt.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedGpt.Gateway;

/// <summary>The gateway as a part of an ASP.NET Core application.</summary>
public static class GatewayExtensions
{
    /// <summary>Adds the gateway's services for the cluster behind <paramref name="client"/>.</summary>
    public static IServiceCollection AddGateway(this IServiceCollection services, IInferenceClient client, GatewayOptions options)
    {
        services.AddRouting();
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = options.MaxRequestBytes;
            grpc.MaxSendMessageSize = options.MaxRequestBytes;

            // Otherwise gRPC answers for every path of two segments that HTTP would answer with 405.
            grpc.IgnoreUnknownServices = true;
        });
        return services
            .AddSingleton<IInferenceClient>(new MeasuredClient(client))
            .AddSingleton(options)
            .AddSingleton<RunningRequests>()
            .AddSingleton<CompletionsEndpoint>()
            .AddSingleton<ModelsEndpoint>()
            .AddSingleton<HealthEndpoint>();
    }

    /// <summary>Maps the HTTP and gRPC interfaces, and gives every error OpenAI's body.</summary>
    public static WebApplication MapGateway(this WebApplication app)
    {
        IServiceProvider services = app.Services;
        app.Use(AnswerErrorsAsync);
        app.UseStatusCodePages(status => ErrorResponse.WriteForStatusAsync(status.HttpContext));
        app.UseRouting();
        app.MapPost("/v1/completions", services.GetRequiredService<CompletionsEndpoint>().HandleAsync);
        ModelsEndpoint models = services.GetRequiredService<ModelsEndpoint>();
        app.MapGet("/v1/models", models.ListAsync);
        app.MapGet("/v1/models/{**name}", models.GetAsync);
        HealthEndpoint health = services.GetRequiredService<HealthEndpoint>();
        string[] probes = [HttpMethods.Get, HttpMethods.Head];
        app.MapMethods("/health", probes, health.ReadyAsync);
        app.MapMethods("/health/ready", probes, health.ReadyAsync);
        app.MapMethods("/health/live", probes, HealthEndpoint.LiveAsync);
        app.MapGrpcService<GenerationService>();
        return app;
    }

    private static async Task AnswerErrorsAsync(HttpContext context, RequestDelegate next)
    {
        context.Response.Headers["x-request-id"] = context.TraceIdentifier;

        // Beyond its limit the server would cut the connection instead of reading on, and the client lose the answer.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = null;
        try
        {
            await next(context);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be answered.
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            ApiException error = ApiException.From(e);
            if (error.Status >= StatusCodes.Status500InternalServerError) Log.Failed(Logger(context), context.Request.Path, e);
            await ErrorResponse.WriteAsync(context, error);
        }
    }

    private static Microsoft.Extensions.Logging.ILogger Logger(HttpContext context) =>
        context.RequestServices.GetRequiredService<Microsoft.Extensions.Logging.ILogger<RunningRequests>>();
}
