using DistributedGpt.Cli;

return await CommandLine.RunAsync(args);
