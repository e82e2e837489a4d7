using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DistributedGpt.Transformer;

/// <summary>
/// GPT-2 with autograd over a flat tensor of parameters that several modules, one per thread, may share; each has gradients of
/// its own. The residual stream is <c>x [batch, length, hidden]</c>.
/// </summary>
internal sealed class Gpt2Module : IDisposable
{
    private const double NormEpsilon = 1e-5;

    private readonly TrainingOptions _options;
    private readonly Dictionary<string, Tensor> _parameters = [];
    private readonly DropoutMasks _masks;

    // A number that is made for a call may be collected while the call runs: TorchSharp does not keep it alive.
    private readonly Scalar _scoreFactor;
    private readonly Scalar _unseen = float.NegativeInfinity;

    /// <summary>Makes a module over <paramref name="values"/>, which stay the caller's.</summary>
    public Gpt2Module(TrainingOptions options, Gpt2Parameters parameters, Tensor values)
    {
        _options = options;
        _scoreFactor = 1 / Math.Sqrt((double)options.Hidden / options.Heads);
        _masks = new(options.Dropout, values.device);
        Gradients = zeros_like(values).DetachFromDisposeScope();
        foreach (Gpt2Parameters.Entry entry in parameters.Entries)
        {
            Tensor leaf = Gpt2Parameters.View(values, entry).detach().requires_grad_(true).DetachFromDisposeScope();
            // A gradient that exists is added to in place, so all of them gather in the one tensor.
            leaf.grad = Gpt2Parameters.View(Gradients, entry).DetachFromDisposeScope();
            _parameters.Add(entry.Name, leaf);
        }
    }

    /// <summary>The sum of the gradients of all backward passes since they were last zeroed, laid out as the parameters.</summary>
    public Tensor Gradients { get; }

    /// <summary>Starts the sequence of dropout masks that <paramref name="seed"/> names.</summary>
    public void SeedDropout(ulong seed) => _masks.Seed(seed);

    /// <summary>The logits <c>[batch, length, vocabulary]</c> after each token of <paramref name="tokens"/> <c>[batch, length]</c>.</summary>
    public Tensor Forward(Tensor tokens, bool training)
    {
        long batch = tokens.shape[0], length = tokens.shape[1];
        Tensor embedding = _parameters["transformer.wte.weight"];
        Tensor x = embedding.index_select(0, tokens.reshape(-1)).view(batch, length, _options.Hidden)
            .Plus(_parameters["transformer.wpe.weight"].narrow(0, 0, length));
        x = Dropout(x, training);
        for (int layer = 0; layer < _options.Layers; layer++)
        {
            string prefix = $"transformer.h.{layer}.";
            x = x.Plus(Dropout(Attention(Norm(x, prefix + "ln_1"), prefix + "attn.", training), training));
            x = x.Plus(Dropout(Mlp(Norm(x, prefix + "ln_2"), prefix + "mlp."), training));
        }
        return Norm(x, "transformer.ln_f").matmul(embedding.t());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor leaf in _parameters.Values) leaf.Dispose();
        Gradients.Dispose();
    }

    private Tensor Attention(Tensor x, string prefix, bool training)
    {
        long batch = x.shape[0], length = x.shape[1];
        // [3, batch, heads, length, head_size]
        Tensor heads = Linear(x, prefix + "c_attn").view(batch, length, 3, _options.Heads, -1).permute(2, 0, 3, 1, 4);
        Tensor attended = training && _options.Dropout > 0
            ? AttendWithDropout(heads[0], heads[1], heads[2])
            : functional.scaled_dot_product_attention(heads[0], heads[1], heads[2], is_casual: true);
        return Linear(attended.transpose(1, 2).reshape(batch, length, _options.Hidden), prefix + "c_proj");
    }

    /// <summary>Causal attention, all <c>[batch, heads, length, head_size]</c>, written out because libtorch's own draws from the generator that threads share.</summary>
    private Tensor AttendWithDropout(Tensor queries, Tensor keys, Tensor values)
    {
        long length = queries.shape[2];
        using Tensor future = ones([length, length], ScalarType.Bool, queries.device).triu(1);
        Tensor scores = (queries * _scoreFactor).matmul(keys.transpose(2, 3)).masked_fill_(future, _unseen);
        return Dropout(scores.softmax(-1), training: true).matmul(values);
    }

    private Tensor Mlp(Tensor x, string prefix) =>
        Linear(functional.gelu(Linear(x, prefix + "c_fc"), TorchSharp.Modules.GELU.Approximate.tanh, false), prefix + "c_proj");

    private Tensor Linear(Tensor x, string name)
    {
        Tensor weight = _parameters[name + ".weight"];
        Tensor bias = _parameters[name + ".bias"], rows = x.reshape(-1, weight.shape[0]);
        rows = _options.BFloat16Products
            ? rows.to(ScalarType.BFloat16).matmul(weight.to(ScalarType.BFloat16)).to(ScalarType.Float32).Plus(bias)
            : addmm(bias, rows, weight, 1, 1);
        return rows.view(x.shape[0], x.shape[1], weight.shape[1]);
    }

    private Tensor Norm(Tensor x, string name) =>
        functional.layer_norm(x, [_options.Hidden], _parameters[name + ".weight"], _parameters[name + ".bias"], NormEpsilon);

    private Tensor Dropout(Tensor x, bool training)
    {
        if (!training || _options.Dropout == 0) return x;
        return x * _masks.Next(x.shape);
    }
}
