"""A tensor and a weighted difference, product, quotient or matrix product, added in one step."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast, category, computed_in, require_holds, result_type
from archspec.ops.calls import given
from archspec.ops.expr import Call, In
from archspec.ops.kinds import AScalar, Optional
from archspec.ops.products import multipliable
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import BROADCAST
from archspec.ops.tensor import TensorType

# Categories: of what is blended, and of a weight that is a number; their dtypes are promoted.
_PROMOTED = {(1, 2), (1, 3), (2, 1), (2, 2), (3, 1), (3, 3)}


@op("lerp", "torch.lerp")
class Lerp(Op):
    """start + weight * (end - start); the weight is a number or a third tensor."""

    rule = BROADCAST
    inputs = ("start", "end", "weight?")
    weight = arg(Optional(AScalar), None, "0 gives start, 1 gives end")
    examples = (
        Example(0.5, ("float32[B, 4]", "float32[4]"), "float32[B, 4]"),
        Example({}, ("float64[B, 1]", "float64[B, 4]", "float64[4]"), "float64[B, 4]"),
    )

    def infer(self, require: Require, *tensors: TensorType | None) -> TensorType:
        start, end, weight = tensors
        assert start is not None
        if (weight is None) == (self.weight is None):
            require.fail("AS210", "`lerp` needs a weight: a number or a third input", argument="weight")
        given_tensors = [(i, t) for i, t in enumerate((start, end, weight)) if t is not None]
        kinds = (category(start.dtype), -1 if weight is None or weight.rank else category(weight.dtype))
        loose = kinds in _PROMOTED
        for i, t in given_tensors[: 2 if loose else 3]:
            if category(t.dtype) < 2 and not loose:
                require.floating(t, "each input of `lerp`", inputs=(i,))
            require.same_dtype(start, t, "the inputs of `lerp`", inputs=(0, i))
        require_holds(require, computed_in(start.dtype), self.weight, "weight")
        shape = broadcast(require, [t.shape for _, t in given_tensors], self.name, (0, 1, 2))
        return TensorType(result_type(*(t for _, t in given_tensors)), shape)

    def forward(self, *tensors: TensorType | None) -> Any:
        return Call("torch.lerp", In(0), In(1), In(2) if self.weight is None else self.weight)


class AddedTo(Op):
    """Base of `x + value * f(a, b)`. `wide`: small floats are computed in float32, the factor too."""

    wide: ClassVar[bool] = True
    rule: ClassVar[str] = BROADCAST
    inputs = ("x", "a", "b")
    value = arg(AScalar, 1, "factor of what is added")
    examples = (
        Example({}, ("float32[B, 4]",) * 3, "float32[B, 4]"),
        Example(0.5, ("float64[B, 1]", "float64[B, 4]", "float64[4]"), "float64[B, 4]"),
    )

    def infer(self, require: Require, *tensors: TensorType) -> TensorType:
        dtype = result_type(*tensors)
        if dtype == "bool":
            require.fail("AS303", f"`{self.name}` does not take bool", inputs=(0, 1, 2))
        if category(result_type(self.value)) > category(dtype):
            require.fail("AS303", f"`value` is {self.value}, which {dtype} does not hold", argument="value")
        require_holds(require, computed_in(dtype) if self.wide else dtype, self.value, "value")
        return TensorType(dtype, broadcast(require, [t.shape for t in tensors], self.name, (0, 1, 2)))

    def apart(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        x: TensorType = inputs[number]
        return axis + output.rank - x.rank

    def forward(self, *tensors: TensorType) -> Any:
        return Call(self.counterpart, In(0), In(1), In(2), **given(self, "value"))


@op("addcmul", "torch.addcmul")
class Addcmul(AddedTo):
    """x + value * a * b."""


@op("addcdiv", "torch.addcdiv")
class Addcdiv(AddedTo):
    """x + value * a / b."""

    wide = False

    def infer(self, require: Require, *tensors: TensorType) -> TensorType:
        if category(tensors[2].dtype) < 2:
            require.floating(tensors[2], "the divisor of `addcdiv`", inputs=(2,))
        return super().infer(require, *tensors)


class ProductAddedTo(Op):
    """Base of `beta * x + alpha * (a @ b)`."""

    inputs = ("x", "a", "b")
    rank: ClassVar[int]
    beta = arg(AScalar, 1, "factor of x")
    alpha = arg(AScalar, 1, "factor of the product")

    def infer(self, require: Require, x: TensorType, a: TensorType, b: TensorType) -> TensorType:
        for number, t in enumerate((a, b), 1):
            require.rank(t, self.rank, what=f"input {number} of `{self.name}`", inputs=(number,))
        multipliable(require, self.name, x, a, b)
        for name in ("beta", "alpha"):
            if category(result_type(getattr(self, name))) > category(x.dtype):
                require.fail(
                    "AS303", f"`{name}` is {getattr(self, name)}, which {x.dtype} does not hold", argument=name
                )
            require_holds(require, computed_in(x.dtype), getattr(self, name), name)
        message = f"`{self.name}` multiplies rows and columns of different length"
        require.equal(a.shape[-1], b.shape[-2], message, inputs=(1, 2), axis=(self.rank - 1, self.rank - 2))
        batch = self.batch(require, a, b)
        shape = (*batch, a.shape[-2], b.shape[-1])
        require.rank(x, *range(self.rank + 1), what=f"what `{self.name}` adds to", inputs=(0,))
        for back in range(1, x.rank + 1):
            if x.shape[-back] != 1:
                message = f"`{self.name}` adds to a tensor that differs from the product in dimension {-back}"
                require.stretches(x.shape[-back], shape[-back], message, inputs=(0,), axis=(x.rank - back,))
        return x.with_shape(shape)

    def batch(self, require: Require, a: TensorType, b: TensorType) -> tuple[Size, ...]:
        return ()

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        columns: Size = inputs[1].shape[-1]
        return 2 * outputs[0].numel() * columns

    def forward(self, x: TensorType, a: TensorType, b: TensorType) -> Any:
        return Call(self.counterpart, In(0), In(1), In(2), **given(self, "beta", "alpha"))


@op("addmm", "torch.addmm")
class Addmm(ProductAddedTo):
    """beta * x + alpha * (a @ b) of matrices."""

    rule = "[*], [N, K], [K, M] → [N, M], where x broadcasts to the result"
    rank = 2
    examples = (
        Example({}, ("float32[5]", "float32[B, 8]", "float32[8, 5]"), "float32[B, 5]"),
        Example({"beta": 0.5, "alpha": 2}, ("float64[B, 5]", "float64[B, 8]", "float64[8, 5]"), "float64[B, 5]"),
    )


@op("baddbmm", "torch.baddbmm")
class Baddbmm(ProductAddedTo):
    """beta * x + alpha * (a @ b) of batches of matrices."""

    rule = "[*], [B, N, K], [B, K, M] → [B, N, M], where x broadcasts to the result"
    rank = 3
    examples = (
        Example({}, ("float32[5]", "float32[B, T, 8]", "float32[B, 8, 5]"), "float32[B, T, 5]"),
        Example(
            {"beta": 0.5, "alpha": 2},
            ("float64[B, T, 5]", "float64[B, T, 8]", "float64[B, 8, 5]"),
            "float64[B, T, 5]",
        ),
    )

    def batch(self, require: Require, a: TensorType, b: TensorType) -> tuple[Size, ...]:
        message = "`baddbmm` multiplies as many matrices as there are on either side"
        return (require.equal(a.shape[0], b.shape[0], message, inputs=(1, 2), axis=(0, 0)),)
