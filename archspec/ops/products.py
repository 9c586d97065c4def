"""Products of matrices and tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from archspec.dims import Size
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast
from archspec.ops.equation import Equation, EquationKind
from archspec.ops.expr import Binary, Call, In
from archspec.ops.reduction import whole_sum
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.shaping import product
from archspec.ops.tensor import TensorType, promote


def multipliable(require: Require, op_name: str, *tensors: TensorType) -> None:
    """Matrix products are of one dtype, and not of bool."""
    for number, x in enumerate(tensors):
        require.same_dtype(tensors[0], x, inputs=(0, number))
        if x.dtype == "bool":
            require.fail("AS303", f"`{op_name}` does not take bool", inputs=(number,))


@op("matmul", "torch.matmul")
class Matmul(Op):
    """Matrix product over the last two dimensions, the others broadcast; a tensor of one dimension is a vector."""

    rule = "[*, M, K], [*, K, N] → [*, M, N], where [*] broadcast; a vector is [K], and has no M or N"
    inputs = ("x", "y")
    examples = (
        Example({}, ("float32[B, T, 8]", "float32[B, 8, 5]"), "float32[B, T, 5]"),
        Example({}, ("float32[B, 4, T, 8]", "float32[8, 5]"), "float32[B, 4, T, 5]"),
        Example({}, ("float32[7, 1, 2, 3]", "float32[5, 3, 4]"), "float32[7, 5, 2, 4]"),
        Example({}, ("float64[8]", "float64[8]"), "float64[]"),
        Example({}, ("float32[B, 8]", "float32[8]"), "float32[B]"),
        Example({}, ("int64[3]", "int64[5, 3, 4]"), "int64[5, 4]"),
    )

    def infer(self, require: Require, x: TensorType, y: TensorType) -> TensorType:
        for number, t in enumerate((x, y)):
            require.rank(t, least=1, what="each input of `matmul`", inputs=(number,))
        multipliable(require, self.name, x, y)
        rows = max(y.rank - 2, 0)
        message = "`matmul` multiplies rows and columns of different length"
        require.equal(x.shape[-1], y.shape[rows], message, inputs=(0, 1), axis=(x.rank - 1, rows))
        batch = broadcast(require, [x.shape[:-2], y.shape[:-2]], self.name, (0, 1))
        return x.with_shape((*batch, *x.shape[-2:-1], *(y.shape[-1:] if y.rank > 1 else ())))

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        x: TensorType = inputs[number]
        if min(t.rank for t in inputs) < 2 or axis >= x.rank - 2:
            return None
        return axis + output.rank - x.rank

    def apart(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        if number == 0 and axis == inputs[0].rank - 2 and inputs[1].rank >= 2:  # rows
            return output.rank - 2
        return self.shard(number, axis, inputs, output)

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        # a product with a vector on the right runs as aten.mv or aten.dot, which the counter leaves out; so does one
        # with a vector of one element on the left, where PyTorch folds the batch
        x: TensorType = inputs[0]
        y: TensorType = inputs[1]
        if y.rank == 1 or (x.rank == 1 and y.rank > 2 and y.shape[-2] == 1):
            return 0
        return 2 * outputs[0].numel() * x.shape[-1]

    def forward(self, x: TensorType, y: TensorType) -> Any:
        return Binary("@", In(0), In(1))


class Step(NamedTuple):
    """One multiplication of `einsum`: the sizes of the labels in it, and what is summed."""

    sizes: dict[str, Size]
    summed: bool  # over a label of both factors
    left_alone: bool  # over a label of the left factor, before
    right_alone: bool


@op("einsum", "torch.einsum")
class Einsum(Op):
    """Sum of products by Einstein's convention: `bhqd,bhkd->bhqk`."""

    rule = "the sizes that the equation gives to the letters of the result"
    inputs = ("*x",)
    equation = arg(EquationKind(), doc="for each input a letter per dimension, and those of the result: `bij,bjk->bik`")
    examples = (
        Example("bhqd,bhkd->bhqk", ("float32[B, 4, T, 8]", "float32[B, 4, S, 8]"), "float32[B, 4, T, S]"),
        Example("i, j -> i j", ("float32[T]", "float32[8]"), "float32[T, 8]"),
        Example("...ij->...ji", "float32[B, T, 8]", "float32[B, 8, T]"),
        Example("ij,jk,kl->il", ("float32[B, 3]", "float32[3, 4]", "float32[4, 5]"), "float32[B, 5]"),
        Example("...ij,jk", ("float64[B, T, 3]", "float64[3, 4]"), "float64[B, T, 4]"),
        Example("bii->b", "float32[B, 3, 3]", "float32[B]"),
    )

    def infer(self, require: Require, *tensors: TensorType) -> TensorType:
        sizes = self._sizes(require, tensors)
        return TensorType(self._dtype(require, tensors), tuple(sizes[label] for label in self._output(tensors)))

    def apart(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        label = self._labels(inputs)[number][axis]
        out = self._output(inputs)
        return out.index(label) if label in out and self._labels(inputs)[number].count(label) == 1 else None

    def _labels(self, tensors: tuple[TensorType, ...]) -> list[tuple[str, ...]]:
        return self.equation.labels([t.rank for t in tensors])

    def _output(self, tensors: tuple[TensorType, ...]) -> tuple[str, ...]:
        return self.equation.result([t.rank for t in tensors])

    def _sizes(self, require: Require, tensors: tuple[TensorType, ...]) -> dict[str, Size]:
        """The size of each label; a 1 stretches."""
        equation: Equation = self.equation
        if len(tensors) != len(equation.terms):
            require.fail(
                "AS210",
                f"`{equation}` is for {len(equation.terms)} inputs, got {len(tensors)}",
                inputs=(0,),
                argument="equation",
            )
        for number, (term, x) in enumerate(zip(equation.terms, tensors, strict=True)):
            if not term.fits(x.rank):
                message = f"`{term}` names {term.letters} dimensions, and {x} has {x.rank}"
                require.fail("AS309", message, inputs=(number,), argument="equation")
        sizes: dict[str, Size] = {}
        origin: dict[str, tuple[int, int]] = {}
        for number, (labels, x) in enumerate(zip(self._labels(tensors), tensors, strict=True)):
            for axis, (label, size) in enumerate(zip(labels, x.shape, strict=True)):
                twice = labels.index(label) != axis
                if label not in sizes or (sizes[label] == 1 and not twice):
                    sizes[label], origin[label] = size, (number, axis)
                elif size != 1 or twice:
                    other, other_axis = origin[label]
                    if twice:
                        other, other_axis = number, labels.index(label)
                    message = f"`einsum` reads two sizes that differ in `{label}`"
                    where: dict[str, Any] = {"inputs": (other, number), "axis": (other_axis, axis)}
                    if twice:
                        own = require.equal(x.shape[other_axis], size, message, argument="equation", **where)
                        sizes[label] = own if origin[label][0] == number else sizes[label]
                    else:
                        sizes[label] = require.broadcast(sizes[label], size, message, argument="equation", **where)
        return sizes

    def _steps(self, inputs: tuple[TensorType, ...]) -> Iterator[Step]:
        """torch multiplies from left to right, and sums over a label as soon as nothing more needs it."""
        labels = self._labels(inputs)
        output = self._output(inputs)
        known: dict[str, Size] = dict(zip(labels[0], inputs[0].shape, strict=True))
        for step in range(1, len(inputs)):
            other = dict(zip(labels[step], inputs[step].shape, strict=True))
            rest = [pair for i in range(step + 1, len(inputs)) for pair in zip(labels[i], inputs[i].shape, strict=True)]
            later = {*output, *(label for label, size in rest if size != 1)}
            joint: dict[str, Size] = {}
            summed = False
            alone = [False, False]
            for label in {**known, **other}:
                a, b = known.get(label, 1), other.get(label, 1)
                if label in later or (a != 1 and b != 1):
                    joint[label] = b if a == 1 else a
                    summed = summed or label not in later
                elif a != 1 or b != 1:
                    alone[a == 1] = True
            yield Step(joint, summed, alone[0], alone[1])
            known = {label: size for label, size in joint.items() if label in later}

    def _dtype(self, require: Require, tensors: tuple[TensorType, ...]) -> str:
        dtype = tensors[0].dtype
        if len(tensors) == 1:
            summed = set(self._labels(tensors)[0]) - set(self._output(tensors))
            return whole_sum(dtype) if summed else dtype
        for number, step in enumerate(self._steps(tensors), 1):
            left = whole_sum(dtype) if step.left_alone else dtype
            right = whole_sum(tensors[number].dtype) if step.right_alone else tensors[number].dtype
            if step.summed and (left != right or left == "bool"):
                message = f"`einsum` must multiply matrices of one dtype, not bool, got {left} and {right}"
                require.fail("AS303", message, inputs=(number - 1, number))
            dtype = promote(left, right)
        return dtype

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        # a step that sums over a shared label is a matrix product
        total: Size = 0
        for step in self._steps(inputs):
            if step.summed:
                total = total + 2 * product(tuple(step.sizes.values()))
        return total

    def forward(self, *tensors: TensorType) -> Any:
        return Call("torch.einsum", str(self.equation), *(In(i) for i in range(len(tensors))))
