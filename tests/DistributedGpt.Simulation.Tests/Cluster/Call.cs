namespace DistributedGpt.Simulation.Tests;

/// <summary>The receiver's end of a call: it answers once, sooner or later, or never.</summary>
internal sealed class Call<T>(Action<T> returns, Action<StageRefusal?> throws)
{
    public void Return(T value) => returns(value);

    public void Throw(StageRefusal? refusal = null) => throws(refusal);
}
