"""One step of a recurrent network: LSTM, GRU, Elman."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, Op, State, arg
from archspec.ops.calls import dtype_of, given
from archspec.ops.expr import Call, In, Module
from archspec.ops.kinds import Bool, Choice, PositiveInt
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType


class Cell(Op):
    """Base. x is [N, features] or [features]; without a state it starts from zeros."""

    rule: ClassVar[str] = "[N?, C] → [N?, hidden_size]"
    inputs: ClassVar[tuple[str, ...]] = ("x", "h_0?")
    gates: ClassVar[int] = 1
    torch_name: ClassVar[str] = ""

    hidden_size = arg(PositiveInt, doc="features of the state")
    bias = arg(Bool, True, "learn biases")
    examples: ClassVar[tuple[Example, ...]] = (
        Example(6, "float32[B, 5]", "float32[B, 6]"),
        Example({"hidden_size": 6, "bias": False}, ("float32[B, 5]", "float32[B, 6]"), "float32[B, 6]"),
        Example(6, ("float64[5]", "float64[6]"), "float64[6]"),
    )

    def infer(self, require: Require, x: TensorType, *states: TensorType | None) -> Any:
        require.floating(x, inputs=(0,))
        require.rank(x, 1, 2, inputs=(0,))
        message = f"`{self.name}` has one weight for each feature of the last dimension"
        require.features(x, -1, message, inputs=(0,))
        result = x.with_shape((*x.shape[:-1], self.hidden_size))
        if None in states and any(states):
            require.fail("AS210", f"`{self.name}` needs both of its states, or none", inputs=(0,))
        for number, state in enumerate(states, 1):
            name = self.inputs[number].rstrip("?")
            if state is None:
                continue
            require.rank(state, x.rank, what=f"`{name}`", inputs=(number,))
            require.same_dtype(x, state, f"the input and `{name}`", inputs=(0, number))
            for axis, (size, want) in enumerate(zip(state.shape, result.shape, strict=True)):
                message = f"`{name}` must have the type {result}; it differs in dimension {axis}"
                require.equal(size, want, message, inputs=(number,), axis=(axis,))
        return result

    def state(self, x: TensorType, *states: Any) -> tuple[State, ...]:
        rows = self.gates * self.hidden_size
        width = int(x.shape[-1])  # type: ignore[arg-type]
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, self.hidden_size)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        return tuple(State(name, shape, x.dtype) for name, shape in shapes.items())

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        x: TensorType = inputs[0]
        batch = x.shape[0] if x.rank == 2 else 1
        return 2 * batch * self.gates * self.hidden_size * (x.shape[-1] + self.hidden_size)

    def module(self, x: TensorType, *states: Any) -> Call:
        names = [name for name in self.args if name != "hidden_size"]
        return Call(f"nn.{self.torch_name}", x.shape[-1], self.hidden_size, **given(self, *names), **dtype_of(x))


@op("lstm_cell", "torch.nn.LSTMCell")
class LSTMCell(Cell):
    """One step of long short-term memory."""

    rule = "[N?, C] → [N?, hidden_size], [N?, hidden_size]"
    inputs = ("x", "h_0?", "c_0?")
    result = ("hidden", "cell")
    gates = 4
    torch_name = "LSTMCell"
    examples = (
        Example(6, "float32[B, 5]", ("float32[B, 6]", "float32[B, 6]")),
        Example(
            {"hidden_size": 6, "bias": False},
            ("float32[B, 5]", "float32[B, 6]", "float32[B, 6]"),
            ("float32[B, 6]", "float32[B, 6]"),
        ),
        Example(6, ("float64[5]", "float64[6]", "float64[6]"), ("float64[6]", "float64[6]")),
    )

    def infer(self, require: Require, x: TensorType, *states: TensorType | None) -> Any:
        result = super().infer(require, x, *states)
        return result, result

    def forward(self, x: TensorType, *states: Any) -> Any:
        return Module(In(0)) if None in states else Module(In(0), (In(1), In(2)))


@op("gru_cell", "torch.nn.GRUCell")
class GRUCell(Cell):
    """One step of gated recurrent units."""

    gates = 3
    torch_name = "GRUCell"


@op("rnn_cell", "torch.nn.RNNCell")
class RNNCell(Cell):
    """One step of Elman's recurrent network."""

    torch_name = "RNNCell"
    nonlinearity = arg(Choice("tanh", "relu"), "tanh", "activation of the state")
