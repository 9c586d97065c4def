"""Other views of the same elements: flatten, reshape, permute, squeeze, expand."""

from __future__ import annotations

from typing import Any

from archspec.dims import Dim, Size
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import normalize_dims
from archspec.ops.expr import Call, In, Method
from archspec.ops.kinds import AnyInt, BadValue, ListOf, Optional, SizeKind
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.tensor import TensorType

Dims = ListOf(AnyInt, lone=True, title="an axis or a list of axes")
AShape = ListOf(SizeKind(0, infer=True), lone=True, title="a size or a list of sizes, one of which may be -1")


def product(sizes: tuple[Size, ...]) -> Size:
    total: Size = 1
    for size in sizes:
        total = total * size
    return total


def one_unknown(shape: tuple[Size, ...], argument: str) -> None:
    if shape.count(-1) > 1:
        raise BadValue("only one size may be -1", (argument,))


def fill_in(
    require: Require, elements: tuple[Size, ...], shape: tuple[Size, ...], op: str, argument: str, axis: tuple[int, ...]
) -> tuple[Size, ...]:
    """`shape` with its -1 worked out, for as many elements as the sizes `elements` have."""
    have, want = list(elements), []
    for size in shape:  # equal sizes on both sides cancel, so that B*T over B needs no division of symbols
        if size != -1 and size != 0 and size in have:
            have.remove(size)
        elif size != -1:
            want.append(size)
    total, known = product(tuple(have)), product(tuple(want))
    if -1 not in shape:
        if total != known and not require.holds("equal", total, known):
            require.fail(
                "AS307",
                f"`{op}` of {product(elements)} elements into {_show(shape)}, which has {product(shape)}",
                inputs=(0,),
                argument=argument,
                axis=axis,
            )
        return shape
    beside = f"`{op}` cannot work out -1 beside a size of 0"
    if known == 0:
        require.fail("AS307", beside, inputs=(0,), argument=argument)
    for size in shape:
        if isinstance(size, Dim):
            require.at_least(size, 1, beside, inputs=(0,), argument=argument)
    if isinstance(known, int):
        message = f"`{op}` of {product(elements)} elements into {_show(shape)}"
        require.divisible(total, known, message, inputs=(0,), argument=argument, axis=axis)
    elif (total // known) * known != total:
        message = f"`{op}` works out -1 only for a divisor that is known: {total} over {known}"
        require.fail("AS306", message, inputs=(0,), argument=argument, axis=axis)
    return tuple(total // known if size == -1 else size for size in shape)


def _show(shape: tuple[Size, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"


@op("flatten", "torch.nn.Flatten")
class Flatten(Op):
    """Make one dimension of those from `start_dim` to `end_dim`; the default keeps the batch, as torch.nn.Flatten."""

    rule = "the shape of x, the sizes from `start_dim` to `end_dim` multiplied"
    start_dim = arg(AnyInt, 1, "first dimension to flatten")
    end_dim = arg(AnyInt, -1, "last dimension to flatten")
    examples = (
        Example({}, "float32[B, 8, 3, 3]", "float32[B, 72]"),
        Example({"start_dim": 2}, "float32[B, 8, H, W]", "float32[B, 8, H*W]"),
        Example({"start_dim": 0, "end_dim": 1}, "float32[B, T, 8]", "float32[B*T, 8]"),
        Example(0, "float32[]", "float32[1]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        start = require.axis(x, self.start_dim, "start_dim")
        end = require.axis(x, self.end_dim, "end_dim")
        if not x.shape:
            return x.with_shape((1,))
        if start > end:
            require.fail(
                "AS301",
                f"`flatten` starts at dimension {start} of {x}, after its end {end}",
                inputs=(0,),
                argument="start_dim",
            )
        return x.with_shape((*x.shape[:start], product(x.shape[start : end + 1]), *x.shape[end + 1 :]))

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        x: TensorType = inputs[number]
        start, end = self.start_dim % x.rank, self.end_dim % x.rank
        if axis < start:
            return axis
        # Of the dimensions that become one, the parts of the first stay together.
        return start if axis == start else axis - (end - start) if axis > end else None

    def module(self, x: TensorType) -> Call:
        return Call("nn.Flatten", *self._written(1))

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "flatten", *self._written(0))

    def _written(self, default_start: int) -> tuple[int, ...]:
        if self.end_dim != -1:
            return (self.start_dim, self.end_dim)
        return () if self.start_dim == default_start else (self.start_dim,)


@op("unflatten", "torch.unflatten")
class Unflatten(Op):
    """Take one dimension apart into several; one of `sizes` may be -1."""

    rule = "the shape of x, with `sizes` in the place of `dim`"
    dim = arg(AnyInt, doc="the dimension to take apart")
    sizes = arg(ListOf(SizeKind(0, infer=True), 1), doc="sizes of the new dimensions")
    examples = (
        Example({"dim": -1, "sizes": [12, 64]}, "float32[B, T, 768]", "float32[B, T, 12, 64]"),
        Example({"dim": 1, "sizes": [2, -1]}, "float32[B, 8, H, W]", "float32[B, 2, 4, H, W]"),
    )

    def validate(self) -> None:
        one_unknown(self.sizes, "sizes")

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, least=1, inputs=(0,))
        axis = require.axis(x, self.dim)
        sizes = fill_in(require, (x.shape[axis],), self.sizes, self.name, "sizes", (axis,))
        return x.with_shape((*x.shape[:axis], *sizes, *x.shape[axis + 1 :]))

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        here = self.dim % inputs[number].rank
        return axis if axis <= here else axis + len(self.sizes) - 1

    def module(self, x: TensorType) -> Call:
        return Call("nn.Unflatten", self.dim, self.sizes)

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "unflatten", self.dim, self.sizes)

    def sequential(self) -> bool:
        return not any(isinstance(size, Dim) for size in self.sizes)


@op("reshape", "torch.reshape")
class Reshape(Op):
    """The same elements, in order, in another shape; one size may be -1."""

    rule = "`shape`; a -1 is what the others leave of the elements of x"
    shape = arg(AShape, doc="the whole new shape, batch included")
    examples = (
        Example({"shape": [-1, 12]}, "float32[B, 3, 4]", "float32[B, 12]"),
        Example({"shape": [2, -1, 2]}, "int64[3, 4]", "int64[2, 3, 2]"),
        Example({"shape": -1}, "float32[B, 3]", "float32[3*B]"),
        Example({"shape": []}, "float32[1, 1]", "float32[]"),
    )

    def validate(self) -> None:
        one_unknown(self.shape, "shape")

    def infer(self, require: Require, x: TensorType) -> TensorType:
        return x.with_shape(fill_in(require, x.shape, self.shape, self.name, "shape", ()))

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        # The axis must begin where one of the result begins, with parts that stay together.
        x: TensorType = inputs[number]
        before = product(x.shape[:axis])
        for place in range(output.rank):
            if product(output.shape[:place]) == before and output.shape[place] != 1:
                return place
        return None

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "reshape", *(self.shape or ((),)))


@op("permute", "torch.permute")
class Permute(Op):
    """Put the dimensions in another order."""

    rule = "the sizes of x in the order of `dims`"
    dims = arg(ListOf(AnyInt), doc="for each dimension of the result, which of x it is")
    examples = (
        Example({"dims": [0, 2, 3, 1]}, "float32[B, 3, H, W]", "float32[B, H, W, 3]"),
        Example([-1, 0, 1], "float32[B, T, 8]", "float32[8, B, T]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        if len(self.dims) != x.rank:
            require.fail(
                "AS301", f"`permute` needs all dimensions of {x}, got {list(self.dims)}", inputs=(0,), argument="dims"
            )
        axes = normalize_dims(require, x, self.dims, "dims")
        return x.with_shape(x.shape[a] for a in axes)

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return [dim % output.rank for dim in self.dims].index(axis)

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "permute", *(self.dims or ((),)))


@op("transpose", "torch.transpose")
class Transpose(Op):
    """Exchange two dimensions."""

    rule = "the shape of x, with `dim0` and `dim1` exchanged"

    dim0 = arg(AnyInt, doc="one dimension")
    dim1 = arg(AnyInt, doc="the other")
    examples = (
        Example({"dim0": 1, "dim1": 2}, "float32[B, T, 8]", "float32[B, 8, T]"),
        Example({"dim0": -1, "dim1": -2}, "float32[B, T, 8]", "float32[B, 8, T]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        a, b = require.axis(x, self.dim0, "dim0"), require.axis(x, self.dim1, "dim1")
        shape = list(x.shape)
        if shape:
            shape[a], shape[b] = shape[b], shape[a]
        return x.with_shape(shape)

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        a, b = self.dim0 % output.rank, self.dim1 % output.rank
        return {a: b, b: a}.get(axis, axis)

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "transpose", self.dim0, self.dim1)


@op("movedim", "torch.movedim")
class Movedim(Op):
    """Move dimensions to other places, the rest keeping their order."""

    rule = "the sizes of x, with each `source` at its `destination`"
    source = arg(Dims, doc="dimension or dimensions to move")
    destination = arg(Dims, doc="where they go")
    examples = (
        Example({"source": 1, "destination": -1}, "float32[B, 3, H, W]", "float32[B, H, W, 3]"),
        Example({"source": [0, 1], "destination": [1, 0]}, "float32[B, T, 8]", "float32[T, B, 8]"),
    )

    def validate(self) -> None:
        if len(self.source) != len(self.destination):
            raise BadValue("`source` and `destination` must be equally long", ("destination",))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        sources = normalize_dims(require, x, self.source, "source")
        places = normalize_dims(require, x, self.destination, "destination")
        if not x.shape:
            return x
        rest = iter([a for a in range(x.rank) if a not in sources])
        moved = dict(zip(places, sources, strict=True))
        return x.with_shape(x.shape[moved[a] if a in moved else next(rest)] for a in range(x.rank))

    def forward(self, x: TensorType) -> Any:
        lone = len(self.source) == len(self.destination) == 1
        return Method(In(0), "movedim", *((d[0] if lone else d) for d in (self.source, self.destination)))


@op("squeeze", "torch.squeeze")
class Squeeze(Op):
    """Leave out dimensions of size 1: those in `dim` (which stay where their size is not 1), or all."""

    rule = "the shape of x without sizes of 1: those in `dim`, or all"
    dim = arg(Optional(Dims), None, "dimension or dimensions to leave out")
    examples = (
        Example({"dim": 1}, "float32[B, 1, 8]", "float32[B, 8]"),
        Example({"dim": [-1, -2]}, "float32[B, 8, 1, 1]", "float32[B, 8]"),
        Example({}, "float32[1, 3, 1]", "float32[3]"),
        Example({"dim": 0}, "float32[2, 3]", "float32[2, 3]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        axes = tuple(range(x.rank)) if self.dim is None else normalize_dims(require, x, self.dim)
        for axis in axes:
            if x.shape:  # a symbol might be 1 for one input and not for the next: no rank could be told
                require.known(x.shape[axis], "`squeeze` leaves out a dimension of size 1", inputs=(0,), axis=(axis,))
        return x.with_shape(s for a, s in enumerate(x.shape) if a not in axes or s != 1)

    def apart(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        x: TensorType = inputs[0]
        dims = range(x.rank) if self.dim is None else [dim % x.rank for dim in self.dim]
        return axis - sum(each < axis and x.shape[each] == 1 for each in dims) if x.shape[axis] != 1 else None

    def forward(self, x: TensorType) -> Any:
        if self.dim is None:
            return Method(In(0), "squeeze")
        return Method(In(0), "squeeze", self.dim[0] if len(self.dim) == 1 else self.dim)


@op("unsqueeze", "torch.unsqueeze")
class Unsqueeze(Op):
    """Insert a dimension of size 1."""

    rule = "the shape of x, with a 1 inserted at `dim`"
    dim = arg(AnyInt, doc="where it stands in the result")
    examples = (
        Example(1, "float32[B, 8]", "float32[B, 1, 8]"),
        Example(-1, "int64[B, T]", "int64[B, T, 1]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        axis = require.axis(x, self.dim, extra=1)
        return x.with_shape((*x.shape[:axis], 1, *x.shape[axis:]))

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return axis + (axis >= self.dim % output.rank)

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "unsqueeze", self.dim)


@op("expand", "torch.Tensor.expand")
class Expand(Op):
    """Stretch dimensions of size 1, and add ones in front; -1 keeps a size."""

    rule = "`shape`; a -1 is the size x has there"
    shape = arg(AShape, doc="the whole new shape")
    examples = (
        Example({"shape": [8, -1, 4]}, "float32[1, 3, 4]", "float32[8, 3, 4]"),
        Example({"shape": [5, -1]}, "float32[3]", "float32[5, 3]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        new = len(self.shape) - x.rank
        if new < 0:
            require.fail(
                "AS301",
                f"`expand` to {len(self.shape)} dimensions of {x}, which has {x.rank}",
                inputs=(0,),
                argument="shape",
            )
        out: list[Size] = []
        for axis, want in enumerate(self.shape):
            if axis < new:
                if want == -1:
                    require.fail(
                        "AS301", "`expand` cannot keep (-1) a dimension that x does not have", argument="shape"
                    )
                out.append(want)
                continue
            size = x.shape[axis - new]
            if want == -1 or size == want:
                out.append(size)
            elif size == 1:
                out.append(want)
            else:
                message = f"`expand` stretches only sizes of 1; dimension {axis - new} differs"
                require.stretches(size, want, message, inputs=(0,), argument="shape", axis=(axis - new,))
                out.append(want)
        return x.with_shape(out)

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "expand", *(self.shape or ((),)))


@op("contiguous", "torch.Tensor.contiguous")
class Contiguous(Op):
    """The same tensor, its elements next to one another in memory."""

    rule = SAME
    examples = (Example({}, "float32[B, 8]", "float32[B, 8]"),)

    def infer(self, require: Require, x: TensorType) -> TensorType:
        return x

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return axis

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "contiguous")


@op("detach", "torch.Tensor.detach")
class Detach(Op):
    """The same numbers, through which no gradient flows: stop-gradient, the straight-through estimator."""

    rule = SAME
    passes_gradient = False
    examples = (Example({}, "float32[B, 8]", "float32[B, 8]"), Example({}, "int64[]", "int64[]"))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        return x

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "detach")
