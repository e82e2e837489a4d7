using System.Runtime.Intrinsics;

namespace DistributedGpt.Transformer.Tests;

public sealed class VectorMathTests
{
    [Fact]
    public void Exp_WholeRange_WithinTwoUnitsInTheLastPlace()
    {
        for (float x = -87; x < 88; x += 0.00137f)
        {
            double exact = Math.Exp(x);
            Assert.True(Math.Abs(Exp(x) - exact) <= 2 * Math.Pow(2, -23) * exact, $"e^{x} is {exact}, not {Exp(x)}");
        }
    }

    [Theory]
    [InlineData(0f, 1f)]
    [InlineData(float.NegativeInfinity, 0f)]
    [InlineData(-100f, 0f)]
    [InlineData(-87.4f, 0f)]
    public void Exp_Edges_AreExact(float x, float expected) => Assert.Equal(expected, Exp(x));

    [Fact]
    public void Exp_Huge_StaysFinite()
    {
        Assert.Equal(Exp(88.3f), Exp(float.PositiveInfinity));
        Assert.True(float.IsFinite(Exp(1000)));
    }

    [Fact]
    public void Functions_AnyWidth_SameBits()
    {
        var random = new Random(8);
        for (int run = 0; run < 20_000; run++)
        {
            float x = (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(-3, 3));
            Assert.Equal(Exp(x), VectorMath<Simd256, Vector256<float>>.Exp(Vector256.Create(x))[run % 8]);
            Assert.Equal(Exp(x), VectorMath<Simd512, Vector512<float>>.Exp(Vector512.Create(x))[run % 16]);
            Assert.Equal(VectorMath<SimdPlain, float>.GeluTanh(x), VectorMath<Simd256, Vector256<float>>.GeluTanh(Vector256.Create(x))[run % 8]);
        }
    }

    [Fact]
    public void Activations_WholeRange_AreTheFormulas()
    {
        for (float x = -30; x < 30; x += 0.0037f)
        {
            double gelu = 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * (double)x)));
            Assert.Equal(gelu, VectorMath<SimdPlain, float>.GeluTanh(x), 1e-6 * Math.Max(1, Math.Abs(x)));
            Assert.Equal(x / (1 + Math.Exp(-x)), VectorMath<SimdPlain, float>.TimesSigmoid(x, x), 1e-6 * Math.Max(1, Math.Abs(x)));
        }
    }

    [Fact]
    public void RotaryMath_WithinAFewUnitsOfTheLibrary()
    {
        var random = new Random(2);
        for (int run = 0; run < 20_000; run++)
        {
            double x = random.NextDouble() * Math.Pow(10, random.Next(-2, 7));
            (double sine, double cosine) = RotaryMath.SinCos(x);
            Assert.Equal(Math.Sin(x), sine, 1e-15);
            Assert.Equal(Math.Cos(x), cosine, 1e-15);
            Assert.Equal(1, RotaryMath.Log(x) / Math.Log(x), 1e-13);
            double y = (random.NextDouble() - 0.5) * 60;
            Assert.Equal(1, RotaryMath.Exp(y) / Math.Exp(y), 1e-14);
        }
    }

    private static float Exp(float x) => VectorMath<SimdPlain, float>.Exp(x);
}
