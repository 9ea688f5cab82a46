"""Layers for sequences: steps of features, or of tokens."""

from collections.abc import Callable

from playground.catalog.base import Param
from playground.catalog.layers.base import (
    DOC,
    LARGEST,
    Args,
    Edit,
    Given,
    LayerEntry,
    Mistake,
    Plan,
    expect,
    inferred,
    largest_divisor,
    need_sequence,
    product,
)


def _embedding(args: Args, given: Given) -> Plan:
    rows, width = args["num_embeddings"] or given.tokens, args["embedding_dim"]
    if rows < given.tokens:
        raise Mistake(
            f"has {rows:,} rows but gets {given.tokens:,} different tokens from {given.source}",
            f"set num_embeddings to {given.tokens:,}",
            Edit(args={"num_embeddings": given.tokens}),
        )
    shape = (*given.shape, width)
    steps = " * ".join(map(str, given.shape))
    formula = f"{steps} tokens * {width:,} = {product(shape):,}" if given.shape else f"{width:,} numbers per token"
    return Plan(
        shape, {"num_embeddings": rows, "embedding_dim": width}, rows * width, kept=product(shape), formula=formula
    )


def _recurrent(gates: int, kept_per_unit: int) -> Callable[[Args, Given], Plan]:
    """`kept_per_unit`: numbers that every unit keeps of every step, as torch's own kernels were seen to."""

    def plan(args: Args, given: Given) -> Plan:
        steps, features = need_sequence(given)
        expect(args, "input_size", features, "features", given)
        hidden, directions = args["hidden_size"], 2 if args["bidirectional"] else 1
        parameters = macs = kept = 0
        for layer in range(args["num_layers"]):
            columns = features if layer == 0 else hidden * directions
            parameters += directions * gates * hidden * (columns + hidden + 2)  # torch has two biases
            macs += steps * directions * gates * hidden * (columns + hidden)
            kept += steps * (kept_per_unit * directions * hidden + columns)
        width = hidden * directions
        shape = (width,) if args["output"] == "last" else (steps, width)
        arguments = {"input_size": features, **{name: value for name, value in args.items() if name != "input_size"}}
        formula = (
            f"{steps} steps, {hidden} * {directions} directions = {width}"
            if directions == 2
            else (f"{steps} steps of {features:,} features, {hidden} units")
        )
        return Plan(shape, arguments, parameters, macs, kept, formula)

    return plan


def _heads(args: Args, name: str, width: int, given: Given) -> int:
    heads = args[name]
    if width % heads:
        fits = largest_divisor(width, heads)
        raise Mistake(
            f"has {name} {heads}, which does not divide the {width:,} features from {given.source}",
            f"set {name} to {fits}",
            Edit(args={name: fits}),
        )
    return heads


def _attention_cost(steps: int, width: int, heads: int) -> tuple[int, int]:
    """Multiply-adds, and numbers kept beside the output."""
    macs = steps * 4 * width * width + 2 * steps * steps * width
    return macs, 4 * steps * width + heads * steps * steps


def _attention(args: Args, given: Given) -> Plan:
    steps, width = need_sequence(given)
    heads = _heads(args, "num_heads", width, given)
    macs, inside = _attention_cost(steps, width, heads)
    return Plan(
        given.shape,
        {"embed_dim": width, "num_heads": heads, "bias": args["bias"]},
        4 * width * (width + bool(args["bias"])),
        macs,
        steps * width + inside,
        f"{width:,} features / {heads} heads = {width // heads} each; {steps} * {steps} weights per head",
    )


def _encoder(args: Args, given: Given) -> Plan:
    steps, width = need_sequence(given)
    heads = _heads(args, "nhead", width, given)
    macs, inside = _attention_cost(steps, width, heads)
    wide, dropped = args["dim_feedforward"], bool(args["dropout"])
    kept = steps * width + inside  # attention
    kept += (1 + (args["activation"] == "gelu")) * steps * wide + steps * width  # the two Linear layers around it
    kept += 2 * (2 * steps * width + 2 * steps)  # the sums and their norms
    kept += dropped * (2 * heads * steps * steps + 2 * (2 * steps * width + steps * wide))
    return Plan(
        given.shape,
        {"d_model": width, **args, "batch_first": True},
        4 * width * (width + 1) + wide * (width + 1) + width * (wide + 1) + 4 * width,
        macs + 2 * steps * width * wide,
        kept,
        f"{width:,} features / {heads} heads = {width // heads} each; {width:,} to {wide:,} to {width:,} at every step",
    )


def _position(args: Args, given: Given) -> Plan:
    steps, width = need_sequence(given)
    return Plan(
        given.shape,
        {"steps": steps, "features": width, "learned": args["learned"]},
        steps * width * args["learned"],
        kept=steps * width,
        formula=f"{steps} * {width:,} numbers added, one row per step",
    )


def _recurrent_params(*more: Param) -> tuple[Param, ...]:
    return (
        Param("hidden_size", "int", 16, 1, LARGEST, "How many units carry the state.", label="units"),
        Param("num_layers", "int", 1, 1, 8, "Layers on top of each other."),
        Param("bidirectional", "bool", False, help="Whether a second one reads the sequence from its end."),
        Param(
            "output",
            "choice",
            "last",
            choices=("last", "sequence"),
            help="'last': where every direction ended; 'sequence': the state at every step.",
        ),
        inferred("input_size", "How many features a step has"),
        *more,
    )


SEQUENCES = (
    LayerEntry(
        "Embedding",
        "torch.nn.Embedding",
        (
            Param("embedding_dim", "int", 16, 1, LARGEST, "Numbers that stand for one token.", label="numbers"),
            Param("num_embeddings", "int", None, 1, LARGEST, "Rows of the table; it follows from the data."),
        ),
        r"y = W_{x}",
        "A table of learned vectors: looks up one row for every token.",
        DOC + "torch.nn.Embedding.html",
        plan=_embedding,
        positional=2,
        role="units",
        group="Sequences",
        size="embedding_dim",
        takes_tokens=True,
        sample=(0,),
        sample_tokens=5,
    ),
    LayerEntry(
        "RNN",
        "playground.modules.RNN",
        _recurrent_params(
            Param(
                "nonlinearity", "choice", "tanh", choices=("tanh", "relu"), help="What every step's sum goes through."
            )
        ),
        r"h_t = \tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})",
        "Reads a sequence step by step and carries one state along.",
        DOC + "torch.nn.RNN.html",
        plan=_recurrent(1, 1),
        positional=2,
        role="units",
        group="Sequences",
        size="hidden_size",
        sample=(3, 0),
    ),
    LayerEntry(
        "LSTM",
        "playground.modules.LSTM",
        _recurrent_params(),
        r"c_t = f c_{t-1} + i g, \quad h_t = o \tanh(c_t)",
        "An RNN with a memory that gates write, keep and show (Hochreiter and Schmidhuber, 1997).",
        DOC + "torch.nn.LSTM.html",
        plan=_recurrent(4, 16),
        positional=2,
        role="units",
        group="Sequences",
        size="hidden_size",
        sample=(3, 0),
    ),
    LayerEntry(
        "GRU",
        "playground.modules.GRU",
        _recurrent_params(),
        r"h_t = (1 - z) n + z h_{t-1}, \quad n = \tanh(W_{in} x + r (W_{hn} h_{t-1} + b_{hn}))",
        "Like the LSTM with two gates and no separate memory (Cho et al., 2014).",
        DOC + "torch.nn.GRU.html",
        plan=_recurrent(3, 7),
        positional=2,
        role="units",
        group="Sequences",
        size="hidden_size",
        sample=(3, 0),
    ),
    LayerEntry(
        "MultiheadAttention",
        "playground.modules.SelfAttention",
        (
            Param("num_heads", "int", 2, 1, 64, "Subspaces, each with weights of its own; they share the features."),
            Param("bias", "bool", True, help="Whether the four projections add a learned number."),
        ),
        r"\text{softmax}\!\left(\frac{Q K^\top}{\sqrt{d}}\right) V W_o",
        "Self-attention: every step looks at all steps and takes the weighted mean of what they say.",
        DOC + "torch.nn.MultiheadAttention.html",
        plan=_attention,
        positional=2,
        role="units",
        group="Attention",
        sample=(3, 4),
    ),
    LayerEntry(
        "TransformerEncoderLayer",
        "torch.nn.TransformerEncoderLayer",
        (
            Param("nhead", "int", 2, 1, 64, "Heads of the attention; they share the features."),
            Param(
                "dim_feedforward", "int", 64, 1, LARGEST, "Units of the two layers behind the attention.", label="units"
            ),
            Param("dropout", "float", 0.1, 0.0, 0.99, "Share of the values set to 0 at every training step."),
            Param("activation", "choice", "relu", choices=("relu", "gelu"), help="Between the two layers."),
            Param("norm_first", "bool", False, help="Whether each half is normalised before instead of after it."),
        ),
        r"x' = \text{LN}(x + \text{MHA}(x)), \quad \text{LN}(x' + W_2 \, a(W_1 x'))",
        "Self-attention and two Linear layers at every step, each with a shortcut around it (Vaswani et al., 2017).",
        DOC + "torch.nn.TransformerEncoderLayer.html",
        twin=False,
        plan=_encoder,
        positional=3,
        role="units",
        group="Attention",
        size="dim_feedforward",
        sample=(3, 4),
    ),
    LayerEntry(
        "PositionalEncoding",
        "playground.modules.PositionalEncoding",
        (Param("learned", "bool", False, help="Whether the numbers are learned instead of sines and cosines."),),
        r"x_{t,2i} + \sin(t / 10000^{2i/E}), \quad x_{t,2i+1} + \cos(t / 10000^{2i/E})",
        "Adds a pattern to every step that says where it is: attention itself does not see the order.",
        "https://arxiv.org/abs/1706.03762",
        label="positional encoding",
        plan=_position,
        positional=2,
        role="other",
        group="Attention",
        sample=(3, 4),
    ),
)
