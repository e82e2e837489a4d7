using DistributedGpt.Benchmarks;

return args switch
{
    ["kernels", .. string[] rest] => KernelBenchmark.Run(rest),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: kernels [--shape llama-1.1b|gpt2-125m] [--threads N] [--dtype bf16|f32]");
    return 1;
}
