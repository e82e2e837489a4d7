using System.Text.Json;

namespace DistributedGpt.Gateway.Tests;

/// <summary>What OpenAI's client for Node.js made of a call.</summary>
/// <param name="Requests">How often it sent the call.</param>
/// <param name="Chunks">The chunks of a stream.</param>
/// <param name="Completion">The whole answer.</param>
/// <param name="Error">What it threw.</param>
internal sealed record NpmResult(int Requests, JsonElement[] Chunks, JsonElement? Completion, NpmError? Error);

/// <summary>An error as the client throws it.</summary>
internal sealed record NpmError(string Type, int? Status, string? Code, string? Param, string Message);
