"""The same elements elsewhere: rolled, flipped, repeated, or set to zero above or below the diagonal."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size, maximum, minimum
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import normalize_dims
from archspec.ops.calls import given
from archspec.ops.expr import Call, In, Method
from archspec.ops.kinds import AnyInt, AnySize, BadValue, ListOf, Optional, SizeKind
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.shaping import Dims, product
from archspec.ops.tensor import TensorType

Shifts = ListOf(AnySize, 1, lone=True, title="a size or a list of them")


@op("roll", "torch.roll")
class Roll(Op):
    """Shift elements along dimensions; what leaves at the end comes in at the start."""

    rule = SAME
    shifts = arg(Shifts, doc="places to shift by, for each of `dims`")
    dims = arg(Optional(Dims), None, "dimension or dimensions; left out: the flattened tensor")
    examples = (
        Example({"shifts": [-3, -3], "dims": [1, 2]}, "float32[B, H, W, 8]", "float32[B, H, W, 8]"),
        Example({"shifts": 1, "dims": -1}, "int64[B, T]", "int64[B, T]"),
        Example(2, "float32[B, T]", "float32[B, T]"),
    )

    def validate(self) -> None:
        wanted = len(self.dims) if self.dims else 1
        if len(self.shifts) != wanted:
            raise BadValue(
                f"`shifts` needs one number for each dimension: {wanted}, got {len(self.shifts)}", ("shifts",)
            )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        if self.dims and not x.shape:
            require.fail("AS301", "`roll` of a tensor without dimensions", inputs=(0,), argument="dims")
        for dim in self.dims or ():
            require.axis(x, dim, "dims")
        return x

    def forward(self, x: TensorType) -> Any:
        values = (self.shifts, self.dims) if self.dims else (self.shifts,)
        return Method(In(0), "roll", *((v[0] if len(v) == 1 else v) for v in values))


@op("flip", "torch.flip")
class Flip(Op):
    """Reverse the order along dimensions."""

    rule = SAME
    dims = arg(Dims, doc="dimension or dimensions to reverse")
    examples = (
        Example({"dims": [-1, -2]}, "float32[B, 3, H, W]", "float32[B, 3, H, W]"),
        Example(1, "int64[B, T]", "int64[B, T]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        normalize_dims(require, x, self.dims, "dims")
        return x

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "flip", *(self.dims or ((),)))


@op("repeat_interleave", "torch.repeat_interleave")
class RepeatInterleave(Op):
    """Each slice of a dimension several times in a row."""

    rule = "the shape of x, with S*repeats along `dim`; without one, all elements in one dimension"
    repeats = arg(SizeKind(0), doc="how many times")
    dim = arg(Optional(AnyInt), None, "the dimension; left out: the flattened tensor")
    examples = (
        Example({"repeats": 4, "dim": 1}, "float32[B, 2, T, 8]", "float32[B, 8, T, 8]"),
        Example(3, "float32[B, 2]", "float32[6*B]"),
        Example({"repeats": 2, "dim": -1}, "int64[B, T]", "int64[B, 2*T]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        if self.dim is None:
            return x.with_shape((product(x.shape) * self.repeats,))
        require.rank(x, least=1, what="with `dim`, the input of `repeat_interleave`", inputs=(0,), argument="dim")
        axis = require.axis(x, self.dim)
        return x.with_shape(s * self.repeats if a == axis else s for a, s in enumerate(x.shape))

    def apart(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return None if self.dim is None or axis == self.dim % output.rank else axis

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "repeat_interleave", self.repeats, **({} if self.dim is None else {"dim": self.dim}))


@op("tile", "torch.tile")
class Tile(Op):
    """The whole tensor several times along each dimension; missing leading ones count 1."""

    rule = "the sizes of x times `dims`, the shorter of the two filled up with leading ones"
    dims = arg(
        ListOf(SizeKind(0), lone=True, title="a size or a list of sizes"), doc="how many times along each dimension"
    )
    examples = (
        Example({"dims": [1, 2]}, "float32[B, T]", "float32[B, 2*T]"),
        Example(3, "float32[B, 4]", "float32[B, 12]"),
        Example({"dims": [2, 1, 3]}, "float32[4]", "float32[2, 1, 12]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        rank = max(len(self.dims), x.rank)
        times: tuple[Size, ...] = (1,) * (rank - len(self.dims)) + self.dims
        shape: tuple[Size, ...] = (1,) * (rank - x.rank) + x.shape
        return x.with_shape(a * b for a, b in zip(shape, times, strict=True))

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "tile", self.dims)


class Triangle(Op):
    """Base of the two triangles of matrices."""

    rule: ClassVar[str] = SAME
    diagonal = arg(AnySize, 0, "the diagonal that ends it; above the main one it is positive")
    examples = (
        Example({}, "float32[B, T, T]", "float32[B, T, T]"),
        Example(1, "bool[T, S]", "bool[T, S]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, least=2, inputs=(0,))
        return x

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), self.name, *([] if self.diagonal == 0 else [self.diagonal]))


@op("tril", "torch.tril")
class Tril(Triangle):
    """The lower triangle of matrices, zero elsewhere."""


@op("triu", "torch.triu")
class Triu(Triangle):
    """The upper triangle of matrices, zero elsewhere."""


@op("diagonal", "torch.diagonal")
class Diagonal(Op):
    """The diagonal of matrices, as the last dimension."""

    rule = "the shape of x without `dim1` and `dim2`, and at the end the length of the diagonal"
    offset = arg(AnyInt, 0, "which diagonal; above the main one it is positive")
    dim1 = arg(AnyInt, 0, "the rows")
    dim2 = arg(AnyInt, 1, "the columns")
    examples = (
        Example({"dim1": -2, "dim2": -1}, "float32[B, 4, 5]", "float32[B, 4]"),
        Example(2, "float32[4, 5]", "float32[3]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, least=2, inputs=(0,))
        rows, columns = require.axis(x, self.dim1, "dim1"), require.axis(x, self.dim2, "dim2")
        if rows == columns:
            require.fail("AS301", "`diagonal` needs two different dimensions", inputs=(0,), argument="dim2")
        rest = [s for a, s in enumerate(x.shape) if a not in (rows, columns)]
        return x.with_shape((*rest, self._length(x.shape[rows], x.shape[columns])))

    def _length(self, rows: Size, columns: Size) -> Size:
        if self.offset > 0:
            columns = columns - self.offset
        else:
            rows = rows + self.offset
        return maximum(minimum(rows, columns), 0)

    def forward(self, x: TensorType) -> Any:
        names = ("offset", "dim1", "dim2")
        return Method(In(0), "diagonal", **given(self, *names))


@op("rot90", "torch.rot90")
class Rot90(Op):
    """Turned by 90 degrees in the plane of two dimensions, k times: group-equivariant networks."""

    rule = "the shape of x, the sizes of `dims` exchanged for an odd `k`"
    k = arg(AnyInt, 1, "how often, from the first of `dims` towards the second")
    dims = arg(ListOf(AnyInt, 2, 2), [0, 1], "the two dimensions")
    examples = (
        Example({"dims": [-2, -1]}, "float32[B, 3, H, W]", "float32[B, 3, W, H]"),
        Example({"k": 2}, "int64[3, 4]", "int64[3, 4]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, least=2, what="the input of `rot90`", inputs=(0,))
        a, b = normalize_dims(require, x, self.dims, "dims")
        shape = list(x.shape)
        if self.k % 2:
            shape[a], shape[b] = shape[b], shape[a]
        return x.with_shape(shape)

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "rot90", self.k, self.dims)


@op("diag_embed", "torch.diag_embed")
class DiagEmbed(Op):
    """The last dimension as the diagonal of matrices of zeros."""

    rule = "[*, N] → [*, N + abs(offset), N + abs(offset)]; `dim1` and `dim2` put the last two elsewhere"
    offset = arg(AnyInt, 0, "which diagonal; above the main one it is positive")
    dim1 = arg(AnyInt, -2, "where the rows stand in the result")
    dim2 = arg(AnyInt, -1, "where the columns stand in the result")
    examples = (
        Example({}, "float32[B, T]", "float32[B, T, T]"),
        Example({"offset": -1, "dim1": 0, "dim2": 2}, "float32[B, 4]", "float32[5, B, 5]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, least=1, what="the input of `diag_embed`", inputs=(0,))
        rows = require.axis(x, self.dim1, "dim1", extra=1)
        columns = require.axis(x, self.dim2, "dim2", extra=1)
        if rows == columns:
            require.fail("AS301", "`diag_embed` needs two different dimensions", inputs=(0,), argument="dim2")
        size = x.shape[-1] + abs(self.offset)
        rest = iter(x.shape[:-1])
        return x.with_shape(size if axis in (rows, columns) else next(rest) for axis in range(x.rank + 1))

    def forward(self, x: TensorType) -> Any:
        return Call("torch.diag_embed", In(0), **given(self, "offset", "dim1", "dim2"))
