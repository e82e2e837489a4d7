using System.CommandLine;

namespace DistributedGpt.Cli;

/// <summary>The option that names a file with values of the command's other options; <c>info</c> and <c>plan</c> have one of the same name for a model's configuration.</summary>
internal sealed class SettingsFileOption(string name) : Option<string>(name);
