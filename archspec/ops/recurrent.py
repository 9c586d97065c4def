"""Recurrent layers over whole sequences: LSTM, GRU, Elman RNN."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, Op, State, arg
from archspec.ops.calls import dtype_of, given
from archspec.ops.expr import Call, In, Module
from archspec.ops.kinds import BadValue, Bool, Choice, NonNegativeInt, PositiveInt, Probability
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType


class Recurrent(Op):
    """Base. x is [T, N, features], [N, T, features] with `batch_first`, or [T, features]."""

    rule: ClassVar[str] = (
        "[T, N?, C] → [T, N?, D*hidden_size], [D*num_layers, N?, hidden_size], where D = 2 if bidirectional else 1;"
        " `batch_first` puts N before T"
    )
    inputs: ClassVar[tuple[str, ...]] = ("x", "h_0?")
    result: ClassVar[tuple[str, ...]] = ("sequence", "hidden")
    unpack: ClassVar[tuple[Any, ...] | None] = (0, 1)
    weight_reads: ClassVar[int] = 4  # three times to see whether the list of weights is still theirs
    gates: ClassVar[int] = 1
    torch_name: ClassVar[str] = ""

    hidden_size = arg(PositiveInt, doc="features of the hidden state")
    num_layers = arg(PositiveInt, 1, "layers stacked on one another")
    bias = arg(Bool, True, "learn biases")
    batch_first = arg(Bool, False, "x and the sequence are [N, T, features] instead of [T, N, features]")
    dropout = arg(Probability, 0.0, "dropout after each layer but the last")
    bidirectional = arg(Bool, False, "also run backwards, and concatenate the features")

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def out_size(self) -> int:
        """Features of the output in one direction."""
        return self.hidden_size

    def infer(self, require: Require, x: TensorType, *states: TensorType | None) -> tuple[TensorType, ...]:
        require.floating(x, inputs=(0,))
        require.rank(x, 2, 3, inputs=(0,))
        message = f"`{self.name}` has one weight for each feature of the last dimension"
        require.features(x, -1, message, inputs=(0,))
        time = 1 if self.batch_first and x.rank == 3 else 0
        require.at_least(x.shape[time], 1, f"`{self.name}` needs a time step", inputs=(0,), axis=(time,))
        batch = () if x.rank == 2 else (x.shape[1 - time],)
        layers = self.num_layers * self.directions
        sequence = x.with_shape((*x.shape[:-1], self.out_size * self.directions))
        results = tuple(x.with_shape((layers, *batch, size)) for size in self.state_sizes())
        self.check_states(require, x, states, results)
        return (sequence, *results)

    def state_sizes(self) -> tuple[int, ...]:
        return (self.out_size,)

    def check_states(
        self, require: Require, x: TensorType, states: tuple[TensorType | None, ...], wanted: tuple[TensorType, ...]
    ) -> None:
        """The initial states have the types of the final ones."""
        names = [name.rstrip("?") for name in self.inputs[1:]]
        if None in states and any(states):
            require.fail("AS210", f"`{self.name}` needs all of {', '.join(names)}, or none", inputs=(0,))
        for number, (name, state, want) in enumerate(zip(names, states, wanted, strict=True), 1):
            if state is None:
                continue
            require.rank(state, want.rank, what=f"`{name}`", inputs=(number,))
            require.same_dtype(x, state, f"the input and `{name}`", inputs=(0, number))
            for axis, (size, expected) in enumerate(zip(state.shape, want.shape, strict=True)):
                message = f"`{name}` must be {list(map(str, want.shape))}; it differs in dimension {axis}"
                require.equal(size, expected, message.replace("'", ""), inputs=(number,), axis=(axis,))

    def state(self, x: TensorType, *states: Any) -> tuple[State, ...]:
        rows, out = self.gates * self.hidden_size, []
        for layer in range(self.num_layers):
            width = int(x.shape[-1]) if layer == 0 else self.out_size * self.directions  # type: ignore[arg-type]
            for suffix in ("", "_reverse")[: self.directions]:
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, self.out_size)}
                if self.bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if self.out_size != self.hidden_size:
                    shapes["weight_hr"] = (self.out_size, self.hidden_size)
                out += [State(f"{name}_l{layer}{suffix}", shape, x.dtype) for name, shape in shapes.items()]
        return tuple(out)

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        x = inputs[0]
        weights = sum(s.shape[0] * s.shape[1] for s in Recurrent.state(self, x) if len(s.shape) == 2)
        steps: Size = 1
        for size in x.shape[:-1]:
            steps = steps * size
        return 2 * weights * steps

    def module(self, x: TensorType, *states: Any) -> Call:
        names = [name for name in self.args if name != "hidden_size"]
        return Call(f"nn.{self.torch_name}", x.shape[-1], self.hidden_size, **given(self, *names), **dtype_of(x))


@op("lstm", "torch.nn.LSTM")
class LSTM(Recurrent):
    """Long short-term memory over a sequence (Hochreiter and Schmidhuber, 1997)."""

    rule = (
        "[T, N?, C] → [T, N?, D*(proj_size or hidden_size)], [D*num_layers, N?, proj_size or hidden_size],"
        " [D*num_layers, N?, hidden_size], where D = 2 if bidirectional else 1; `batch_first` puts N before T"
    )
    inputs = ("x", "h_0?", "c_0?")
    result = ("sequence", "hidden", "cell")
    unpack = (0, (1, 2))
    gates = 4
    torch_name = "LSTM"

    proj_size = arg(NonNegativeInt, 0, "project the hidden state to this size; 0 does not")
    examples = (
        Example(
            {"hidden_size": 128, "num_layers": 2, "batch_first": True},
            "float32[B, T, 16]",
            ("float32[B, T, 128]", "float32[2, B, 128]", "float32[2, B, 128]"),
        ),
        Example(
            {"hidden_size": 6, "bidirectional": True, "proj_size": 2, "bias": False},
            "float32[T, B, 5]",
            ("float32[T, B, 4]", "float32[2, B, 2]", "float32[2, B, 6]"),
        ),
        Example(
            {"hidden_size": 6, "dropout": 0.5, "num_layers": 2},
            ("float64[T, B, 5]", "float64[2, B, 6]", "float64[2, B, 6]"),
            ("float64[T, B, 6]", "float64[2, B, 6]", "float64[2, B, 6]"),
        ),
        Example({"hidden_size": 6}, "float32[T, 5]", ("float32[T, 6]", "float32[1, 6]", "float32[1, 6]")),
    )

    def validate(self) -> None:
        if self.proj_size >= self.hidden_size:
            raise BadValue("`proj_size` must be smaller than `hidden_size`", ("proj_size",))

    @property
    def out_size(self) -> int:
        return self.proj_size or self.hidden_size

    def state_sizes(self) -> tuple[int, ...]:
        return (self.out_size, self.hidden_size)

    def forward(self, x: TensorType, *states: Any) -> Any:
        return Module(In(0)) if None in states else Module(In(0), (In(1), In(2)))


_GATED = (
    Example(
        {"hidden_size": 12, "num_layers": 2, "batch_first": True},
        "float32[B, T, 16]",
        ("float32[B, T, 12]", "float32[2, B, 12]"),
    ),
    Example(
        {"hidden_size": 6, "bidirectional": True, "bias": False},
        ("float32[T, B, 5]", "float32[2, B, 6]"),
        ("float32[T, B, 12]", "float32[2, B, 6]"),
    ),
    Example({"hidden_size": 6}, "float32[T, 5]", ("float32[T, 6]", "float32[1, 6]")),
)


@op("gru", "torch.nn.GRU")
class GRU(Recurrent):
    """Gated recurrent units over a sequence (Cho et al., 2014)."""

    gates = 3
    torch_name = "GRU"
    examples = _GATED


@op("rnn", "torch.nn.RNN")
class RNN(Recurrent):
    """Elman's recurrent network over a sequence."""

    torch_name = "RNN"
    nonlinearity = arg(Choice("tanh", "relu"), "tanh", "activation of the hidden state")
    examples = (
        *_GATED,
        Example({"hidden_size": 6, "nonlinearity": "relu"}, "float32[T, 5]", ("float32[T, 6]", "float32[1, 6]")),
    )
