using DistributedGpt.Benchmarks;

return await BenchmarkCommand.RunAsync(args);
