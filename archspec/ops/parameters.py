"""Tensors of a module's own: `parameter` is learned, `buffer` is not."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, Op, State, arg
from archspec.ops.expr import Call, Own
from archspec.ops.initial import BUFFER_INITS, PARAMETER_INITS, InitKind
from archspec.ops.kinds import AnyDType, Bool, Choice, ListOf, SizeKind
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import FLOATING, TensorType


class OwnTensor(Op):
    """Base: reads nothing; its value is an attribute of the module."""

    rule: ClassVar[str] = "`shape`"
    inputs = ()
    dtype: Any
    init: Any
    shape = arg(ListOf(SizeKind(1), lone=True, title="a size or a list of sizes"), doc="its shape, all sizes known")

    def infer(self, require: Require) -> TensorType:
        sizes: list[Size] = []
        for size in self.shape:
            message = f"the shape of a {self.name} must be known before the model runs"
            sizes.append(require.known(size, message, argument="shape"))
        wrong = self.init.refuses(tuple(sizes), self.dtype)
        if wrong:
            require.fail("AS205", wrong, argument="init")
        return TensorType(self.dtype, tuple(sizes))

    def forward(self) -> Any:
        return Own()

    def sizes(self) -> tuple[int, ...]:
        return tuple(int(size) for size in self.shape)  # type: ignore[arg-type]

    def values(self) -> Any:
        return self.init.expression(self.sizes(), self.dtype)


@op("parameter", "torch.nn.Parameter")
class Parameter(OwnTensor):
    """A learned tensor, e.g. a class token or position embedding. Its state key is its path."""

    attribute = "parameter"
    init = arg(
        InitKind(PARAMETER_INITS), "zeros", "initial values: a name of torch.nn.init without `_`, with its arguments"
    )
    dtype = arg(Choice(*FLOATING), "float32", "its dtype")
    requires_grad = arg(Bool, True, "false: training leaves it as it is")
    examples = (
        Example({"shape": [1, 1, 8], "init": {"normal": {"std": 0.02}}}, (), "float32[1, 1, 8]"),
        Example({"shape": [4, 8], "init": "xavier_uniform"}, (), "float32[4, 8]"),
        Example({"shape": 8, "init": {"constant": 1e-6}}, (), "float32[8]"),
        Example({"shape": [], "init": "ones", "dtype": "float64"}, (), "float64[]"),
        Example({"shape": [16, 8], "init": "sinusoidal", "requires_grad": False}, (), "float32[16, 8]"),
    )

    def state(self) -> tuple[State, ...]:
        return (State("", self.sizes(), self.dtype, requires_grad=self.requires_grad),)

    def module(self) -> Call:
        return Call("nn.Parameter", self.values(), **({} if self.requires_grad else {"requires_grad": False}))


@op("buffer", "torch.nn.Module.register_buffer")
class Buffer(OwnTensor):
    """A tensor that moves with the module and is not learned. Its state key is its path, if `persistent`."""

    attribute = "buffer"
    init = arg(InitKind(BUFFER_INITS), "zeros", "its values")
    dtype = arg(AnyDType, "float32", "its dtype")
    persistent = arg(Bool, True, "part of state_dict()")
    examples = (
        Example({"shape": 16, "init": "arange", "dtype": "int64"}, (), "int64[16]"),
        Example({"shape": [1, 16], "init": "arange", "dtype": "int64", "persistent": False}, (), "int64[1, 16]"),
        Example({"shape": [8, 8], "init": "tril", "dtype": "bool"}, (), "bool[8, 8]"),
        Example({"shape": [3, 1, 1], "init": {"values": [0.485, 0.456, 0.406]}}, (), "float32[3, 1, 1]"),
        Example({"shape": [2, 3], "init": {"full": 7}, "dtype": "int32"}, (), "int32[2, 3]"),
        Example({"shape": 400, "init": "hann_window"}, (), "float32[400]"),
        Example({"shape": 9, "init": {"kaiser_window": {"periodic": False, "beta": 8}}}, (), "float32[9]"),
        Example(
            {
                "shape": [4, 4],
                "init": {"grid": {"sizes": [2, 2, 2, 2], "steps": [3, 1, -3, -1], "start": 4}},
                "dtype": "int64",
            },
            (),
            "int64[4, 4]",
        ),
    )

    def state(self) -> tuple[State, ...]:
        return (State("", self.sizes(), self.dtype, parameter=False, persistent=self.persistent),)

    def module(self) -> Any:
        return self.values()
