using DistributedGpt.Models;

namespace DistributedGpt.Transformer.Tests;

public sealed unsafe class LinearTests
{
    private const int MaxRows = 203;

    public static TheoryData<int, int, int, TensorType> Shapes
    {
        get
        {
            var shapes = new TheoryData<int, int, int, TensorType>();
            foreach (TensorType type in (TensorType[])[TensorType.Float32, TensorType.BFloat16])
            {
                for (int tokens = 1; tokens <= 14; tokens++) shapes.Add(tokens, 45, 33, type);
                shapes.Add(97, 1, 300, type);
                shapes.Add(102, 33, 520, type);
                shapes.Add(MaxRows, 130, 1, type);
            }

            return shapes;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Linear_AnyShape_IsTheProductWithTheSameBitsAtAnyWidth(int tokens, int outputs, int inputs, TensorType type)
    {
        var random = new Random(tokens);
        using NativeBuffer x = TestKernels.Random(random, (long)tokens * inputs, 1 / MathF.Sqrt(inputs));
        using NativeBuffer gate = TestKernels.Random(random, (long)outputs * inputs);
        using NativeBuffer up = TestKernels.Random(random, (long)outputs * inputs);
        using NativeBuffer start = TestKernels.Random(random, (long)tokens * outputs);
        using NativeBuffer bias = TestKernels.Random(random, outputs);
        foreach (LinearEpilogue epilogue in Enum.GetValues<LinearEpilogue>())
        {
            float[][] results = [.. TestKernels.All.Select(kernels => Run(kernels, epilogue, tokens))];
            for (int i = 1; i < results.Length; i++) Assert.Equal(results[0], results[i]);
            if (tokens > 1) Assert.Equal(results[0][..outputs], Run(KernelSet.Wide256, epilogue, 1));
            for (int t = 0; t < tokens; t++)
            {
                for (int o = 0; o < outputs; o++) Assert.Equal(Expected(epilogue, t, o), results[0][t * outputs + o], 2e-5);
            }
        }

        float[] Run(KernelSet kernels, LinearEpilogue epilogue, int rows)
        {
            using var cpu = new CpuContext(new CpuBackendOptions { Threads = 2, WeightType = type }, kernels);
            using CpuLinear first = Load(cpu, gate);
            using CpuLinear second = Load(cpu, up);
            using var y = new NativeBuffer((long)tokens * outputs * sizeof(float));
            Buffer.MemoryCopy(start.Address, y.Address, y.Bytes, (long)tokens * outputs * sizeof(float));
            if (epilogue is LinearEpilogue.GatedGeluTanh or LinearEpilogue.GatedSilu)
            {
                cpu.GatedLinear(x.Floats, rows, first, second, y.Floats, epilogue);
            }
            else
            {
                cpu.Linear(x.Floats, rows, first.Weight, first.Bias, y.Floats, epilogue);
            }

            return TestKernels.ToArray(y, rows * outputs);
        }

        CpuLinear Load(CpuContext cpu, NativeBuffer matrix) => CpuLinear.Load(
            cpu,
            [new TensorView(TensorType.Float32, (nint)matrix.Address, outputs, inputs, inputs, 1)],
            [new TensorView(TensorType.Float32, (nint)bias.Address, 1, outputs, outputs, 1)]);

        double Product(NativeBuffer matrix, int t, int o)
        {
            double sum = bias.Floats[o];
            for (int i = 0; i < inputs; i++)
            {
                float weight = matrix.Floats[(long)o * inputs + i];
                if (type == TensorType.BFloat16) weight = BFloat16Bits.ToSingle(BFloat16Bits.FromSingle(weight));
                sum += (double)x.Floats[(long)t * inputs + i] * weight;
            }

            return sum;
        }

        double Expected(LinearEpilogue epilogue, int t, int o)
        {
            double product = Product(gate, t, o);
            return epilogue switch
            {
                LinearEpilogue.Add => start.Floats[(long)t * outputs + o] + product,
                LinearEpilogue.GeluTanh => Gelu(product),
                LinearEpilogue.Silu => product / (1 + Math.Exp(-product)),
                LinearEpilogue.GatedGeluTanh => Gelu(product) * Product(up, t, o),
                LinearEpilogue.GatedSilu => product / (1 + Math.Exp(-product)) * Product(up, t, o),
                _ => product,
            };
        }
    }

    private static double Gelu(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
}
