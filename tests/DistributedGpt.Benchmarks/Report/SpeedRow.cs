namespace DistributedGpt.Benchmarks;

/// <summary>A row of the report.</summary>
/// <param name="Phase"><c>prefill</c> or <c>decode</c>.</param>
/// <param name="Requests">Requests at once.</param>
/// <param name="PlainTokensPerSecond">In a plain loop over the kernels.</param>
/// <param name="OfMachine">
/// The plain loop as a share of what the machine can do: in prefill its multiply-adds in the layers' matrices of the float32 peak, in
/// decode its bytes of weights of what the memory can read.
/// </param>
/// <param name="ClusterTokensPerSecond">Through the cluster.</param>
/// <param name="Added">The time that the cluster adds, as a share of the plain loop's.</param>
internal sealed record SpeedRow(
    string Phase, int Requests, double PlainTokensPerSecond, double OfMachine, double ClusterTokensPerSecond, double Added);
