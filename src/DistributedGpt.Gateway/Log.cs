using Microsoft.Extensions.Logging;

namespace DistributedGpt.Gateway;

/// <summary>The gateway's log messages.</summary>
internal static partial class Log
{
    [LoggerMessage(LogLevel.Error, "{Path} failed")]
    public static partial void Failed(ILogger logger, string path, Exception exception);
}
