"""PyTorch's own transformer layers (Vaswani et al., 2017), with its names of parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, Op, State, arg
from archspec.ops.calls import dtype_of, given
from archspec.ops.expr import Attr, Call, In, Module
from archspec.ops.kinds import Bool, Choice, Number, PositiveInt, Probability
from archspec.ops.multihead import MultiheadAttention
from archspec.ops.registry import op
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import TensorType

Inputs = tuple[TensorType | None, ...]


class _Transformer(Op):
    """What the layers and the whole share."""

    nhead = arg(PositiveInt, doc="parallel heads, each of features / nhead features")
    dim_feedforward = arg(PositiveInt, 2048, "features between the two linear maps")
    dropout = arg(Probability, 0.1, "dropout of the attention weights, and after each part")
    activation = arg(Choice("relu", "gelu"), "relu", "between the two linear maps")
    layer_norm_eps = arg(Number, 1e-5, "added to the variance")
    batch_first = arg(Bool, False, "tensors are [N, T, features] instead of [T, N, features]")
    norm_first = arg(Bool, False, "normalise before each part, not after it")
    bias = arg(Bool, True, "learn biases")

    def attention(self) -> MultiheadAttention:
        return MultiheadAttention.parse(
            {"num_heads": self.nhead, "bias": self.bias, "batch_first": self.batch_first, "dropout": self.dropout}
        )

    def attend(self, require: Require, inputs: Inputs, *numbers: int | None) -> None:
        """Attention between these inputs (query, key, value, key padding, mask) is possible."""
        given_inputs = tuple(None if n is None else inputs[n] for n in numbers)
        try:
            self.attention().infer(require, *given_inputs)
        except Mismatch as wrong:
            where = tuple(n for i in wrong.inputs if (n := numbers[i]) is not None)
            argument = "nhead" if wrong.argument == "num_heads" else wrong.argument
            message = wrong.message.replace("multihead_attention", self.name)
            raise Mismatch(
                wrong.code, message, inputs=where, argument=argument, help=wrong.help, axis=wrong.axis
            ) from None

    def same_features(self, require: Require, inputs: Inputs, a: int, b: int) -> None:
        x, y = inputs[a], inputs[b]
        assert x is not None and y is not None
        message = f"`{self.name}` reads two tensors of different numbers of features"
        require.equal(x.shape[-1], y.shape[-1], message, inputs=(a, b), axis=(x.rank - 1, y.rank - 1))

    def causal_mask(self, number: int, x: TensorType) -> Call:
        """The mask of as many positions as input `number` has."""
        steps = x.shape[1 if self.batch_first and x.rank == 3 else 0]
        device, dtype = Attr(In(number), "device"), Attr(In(number), "dtype")
        return Call("nn.Transformer.generate_square_subsequent_mask", steps, device=device, dtype=dtype)

    def shapes(self, features: int, attentions: tuple[str, ...]) -> Iterable[tuple[str, tuple[int, ...]]]:
        """Parameters of one layer with these attentions."""
        for name in attentions:
            yield f"{name}.in_proj_weight", (3 * features, features)
            if self.bias:
                yield f"{name}.in_proj_bias", (3 * features,)
            yield f"{name}.out_proj.weight", (features, features)
            if self.bias:
                yield f"{name}.out_proj.bias", (features,)
        for name, rows, columns in (
            ("linear1", self.dim_feedforward, features),
            ("linear2", features, self.dim_feedforward),
        ):
            yield f"{name}.weight", (rows, columns)
            if self.bias:
                yield f"{name}.bias", (rows,)
        for number in range(len(attentions) + 1):
            yield from self.norm(f"norm{number + 1}", features)

    def norm(self, name: str, features: int) -> Iterable[tuple[str, tuple[int, ...]]]:
        yield f"{name}.weight", (features,)
        if self.bias:
            yield f"{name}.bias", (features,)

    def layer_flops(self, x: TensorType, *sources: TensorType) -> Size:
        """Of one layer in which x attends to each of the sources, then goes through the two linear maps."""
        total: Size = 4 * x.numel() * self.dim_feedforward
        for source in sources:
            total = total + self.attention().flops((x, source, source, None, None), (x,))
        return total

    def settings(self, *more: str) -> dict[str, Any]:
        names = ("dim_feedforward", "dropout", "activation", "layer_norm_eps", "batch_first", "norm_first", "bias")
        return given(self, *more, *names)

    def sequential(self) -> bool:
        return False


@op("transformer_encoder_layer", "torch.nn.TransformerEncoderLayer")
class TransformerEncoderLayer(_Transformer):
    """Self-attention and two linear maps, each with a residual connection and a layer normalisation."""

    rule = "the shape of src"
    inputs = ("src", "src_mask?", "src_key_padding_mask?")
    causal = arg(Bool, False, "position t attends only to positions up to t")
    parts: ClassVar[tuple[str, ...]] = ("self_attn",)
    examples = (
        Example({"nhead": 4, "dim_feedforward": 64, "batch_first": True}, "float32[B, T, 32]", "float32[B, T, 32]"),
        Example(
            {"nhead": 2, "dim_feedforward": 16, "activation": "gelu", "norm_first": True, "bias": False, "dropout": 0},
            ("float64[T, B, 8]", "float64[T, T]", "bool[B, T]"),
            "float64[T, B, 8]",
        ),
        Example({"nhead": 2, "dim_feedforward": 16, "causal": True}, "float32[T, 8]", "float32[T, 8]"),
    )

    def infer(self, require: Require, *inputs: TensorType | None) -> TensorType:
        src, mask, _ = inputs
        assert src is not None
        if self.causal and mask is not None:
            message = f"`{self.name}` takes `causal` or a mask, not both"
            require.fail("AS210", message, inputs=(1,), argument="causal")
        require.elements(src, "`src`", inputs=(0,))
        self.attend(require, inputs, 0, None, None, 2, 1)
        return src

    def state(self, *inputs: TensorType | None) -> tuple[State, ...]:
        src = inputs[0]
        assert src is not None
        return tuple(State(n, s, src.dtype) for n, s in self.shapes(int(src.shape[-1]), self.parts))  # type: ignore[arg-type]

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        return self.layer_flops(inputs[0], inputs[0])

    def module(self, *inputs: TensorType | None) -> Call:
        src = inputs[0]
        assert src is not None
        return Call("nn.TransformerEncoderLayer", src.shape[-1], self.nhead, **self.settings(), **dtype_of(src))

    def forward(self, *inputs: TensorType | None) -> Any:
        src, mask, padding = inputs
        assert src is not None
        options: dict[str, Any] = {}
        if mask is not None:
            options["src_mask"] = In(1)
        if padding is not None:
            options["src_key_padding_mask"] = In(2)
        if self.causal:
            options = {"src_mask": self.causal_mask(0, src), **options, "is_causal": True}
        return Module(In(0), **options)


@op("transformer_decoder_layer", "torch.nn.TransformerDecoderLayer")
class TransformerDecoderLayer(_Transformer):
    """Self-attention, attention to `memory`, and two linear maps, each with a residual connection and a layer norm."""

    rule = "the shape of tgt"
    inputs = ("tgt", "memory", "tgt_mask?", "memory_mask?", "tgt_key_padding_mask?", "memory_key_padding_mask?")
    causal = arg(Bool, False, "position t of tgt attends only to its positions up to t")
    examples = (
        Example(
            {"nhead": 4, "dim_feedforward": 64, "batch_first": True, "causal": True},
            ("float32[B, T, 32]", "float32[B, S, 32]"),
            "float32[B, T, 32]",
        ),
        Example(
            {"nhead": 2, "dim_feedforward": 16, "activation": "gelu", "norm_first": True, "bias": False},
            ("float64[T, B, 8]", "float64[S, B, 8]", "float64[T, T]", "float64[T, S]", "bool[B, T]", "bool[B, S]"),
            "float64[T, B, 8]",
        ),
        Example({"nhead": 2, "dim_feedforward": 16}, ("float32[T, 8]", "float32[S, 8]"), "float32[T, 8]"),
    )

    def infer(self, require: Require, *inputs: TensorType | None) -> TensorType:
        tgt = inputs[0]
        assert tgt is not None
        if self.causal and inputs[2] is not None:
            message = f"`{self.name}` takes `causal` or a tgt_mask, not both"
            require.fail("AS210", message, inputs=(2,), argument="causal")
        require.elements(tgt, "`tgt`", inputs=(0,))
        if inputs[1] is not None:
            require.elements(inputs[1], "`memory`", inputs=(1,))
        self.attend(require, inputs, 0, None, None, 4, 2)
        self.attend(require, inputs, 0, 1, None, 5, 3)
        self.same_features(require, inputs, 0, 1)
        return tgt

    def state(self, *inputs: TensorType | None) -> tuple[State, ...]:
        tgt = inputs[0]
        assert tgt is not None
        shapes = self.shapes(int(tgt.shape[-1]), ("self_attn", "multihead_attn"))  # type: ignore[arg-type]
        return tuple(State(name, shape, tgt.dtype) for name, shape in shapes)

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        return self.layer_flops(inputs[0], inputs[0], inputs[1])

    def module(self, *inputs: TensorType | None) -> Call:
        tgt = inputs[0]
        assert tgt is not None
        return Call("nn.TransformerDecoderLayer", tgt.shape[-1], self.nhead, **self.settings(), **dtype_of(tgt))

    def forward(self, *inputs: TensorType | None) -> Any:
        tgt = inputs[0]
        assert tgt is not None
        names = [name.rstrip("?") for name in self.inputs]
        options: dict[str, Any] = {names[i]: In(i) for i in range(2, 6) if inputs[i] is not None}
        if self.causal:
            options = {"tgt_mask": self.causal_mask(0, tgt), **options, "tgt_is_causal": True}
        return Module(In(0), In(1), **options)


@op("transformer", "torch.nn.Transformer")
class Transformer(_Transformer):
    """Encoder and decoder, each with a layer normalisation at its end; reads embeddings, gives features."""

    rule = "the shape of tgt"
    inputs = (
        "src", "tgt", "src_mask?", "tgt_mask?", "memory_mask?", "src_key_padding_mask?", "tgt_key_padding_mask?",
        "memory_key_padding_mask?",
    )  # fmt: skip
    nhead = arg(PositiveInt, 8, "parallel heads, each of features / nhead features")
    num_encoder_layers = arg(PositiveInt, 6, "layers of the encoder")
    num_decoder_layers = arg(PositiveInt, 6, "layers of the decoder")
    causal = arg(Bool, False, "position t of tgt attends only to its positions up to t")
    examples = (
        Example(
            {"nhead": 2, "num_encoder_layers": 1, "num_decoder_layers": 2, "dim_feedforward": 16, "batch_first": True},
            ("float32[B, S, 8]", "float32[B, T, 8]"),
            "float32[B, T, 8]",
        ),
        Example(
            {"nhead": 2, "num_encoder_layers": 1, "num_decoder_layers": 1, "dim_feedforward": 16, "causal": True},
            ("float32[S, B, 8]", "float32[T, B, 8]", None, None, None, "bool[B, S]", None, "bool[B, S]"),
            "float32[T, B, 8]",
        ),
    )

    def infer(self, require: Require, *inputs: TensorType | None) -> TensorType:
        tgt = inputs[1]
        assert tgt is not None
        if self.causal and inputs[3] is not None:
            message = "`transformer` takes `causal` or a tgt_mask, not both"
            require.fail("AS210", message, inputs=(3,), argument="causal")
        for number, name in enumerate(("src", "tgt")):
            if (given := inputs[number]) is not None:
                require.elements(given, f"`{name}`", inputs=(number,))
        self.attend(require, inputs, 0, None, None, 5, 2)
        self.attend(require, inputs, 1, None, None, 6, 3)
        self.attend(require, inputs, 1, 0, None, 7, 4)
        self.same_features(require, inputs, 0, 1)
        return tgt

    def state(self, *inputs: TensorType | None) -> tuple[State, ...]:
        src = inputs[0]
        assert src is not None
        features, out = int(src.shape[-1]), []  # type: ignore[arg-type]
        for stack, count, parts in (
            ("encoder", self.num_encoder_layers, ("self_attn",)),
            ("decoder", self.num_decoder_layers, ("self_attn", "multihead_attn")),
        ):
            for layer in range(count):
                out += [(f"{stack}.layers.{layer}.{name}", shape) for name, shape in self.shapes(features, parts)]
            out += self.norm(f"{stack}.norm", features)
        return tuple(State(name, shape, src.dtype) for name, shape in out)

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        src, tgt = inputs[:2]
        encoder = self.num_encoder_layers * self.layer_flops(src, src)
        return encoder + self.num_decoder_layers * self.layer_flops(tgt, tgt, src)

    def module(self, *inputs: TensorType | None) -> Call:
        src = inputs[0]
        assert src is not None
        settings = self.settings("num_encoder_layers", "num_decoder_layers")
        return Call("nn.Transformer", src.shape[-1], self.nhead, **settings, **dtype_of(src))

    def forward(self, *inputs: TensorType | None) -> Any:
        tgt = inputs[1]
        assert tgt is not None
        names = [name.rstrip("?") for name in self.inputs]
        options: dict[str, Any] = {names[i]: In(i) for i in range(2, 8) if inputs[i] is not None}
        if self.causal:
            options = {"tgt_mask": self.causal_mask(1, tgt), **options, "tgt_is_causal": True}
        return Module(In(0), In(1), **options)
