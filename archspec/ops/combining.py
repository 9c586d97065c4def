"""Tensors combined: grids and pairs of vectors, blocks of a matrix, tensors brought to one shape."""

from __future__ import annotations

from math import comb
from typing import Any

from archspec.dims import Size
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast, result_type
from archspec.ops.calls import given
from archspec.ops.expr import Call, In, Index
from archspec.ops.kinds import Bool, Choice, Int, Optional, PositiveInt
from archspec.ops.reduction import whole_sum
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType


def _listed(tensors: tuple[TensorType, ...]) -> list[In]:
    return [In(i) for i in range(len(tensors))]


@op("meshgrid", "torch.meshgrid")
class Meshgrid(Op):
    """The coordinates of a grid: for each vector a tensor that varies along one dimension."""

    rule = "one dimension for each input, of its size; `indexing: xy` exchanges the first two"
    inputs = ("*x",)
    result = ("*grid",)
    indexing = arg(Choice("ij", "xy"), "ij", "the first input varies along rows (ij), or along columns (xy)")
    examples = (
        Example({}, ("float32[H]", "float32[W]"), ("float32[H, W]", "float32[H, W]")),
        Example({"indexing": "xy"}, ("int64[3]", "int64[4]"), ("int64[4, 3]", "int64[4, 3]")),
    )

    def infer(self, require: Require, *tensors: TensorType) -> TensorType | tuple[TensorType, ...]:
        for number, x in enumerate(tensors):
            require.rank(x, 0, 1, what="each input of `meshgrid`", inputs=(number,))
            require.same_dtype(tensors[0], x, "the inputs of `meshgrid`", inputs=(0, number))
        sizes: list[Size] = [x.shape[0] if x.shape else 1 for x in tensors]
        if self.indexing == "xy" and len(sizes) > 1:
            sizes[:2] = sizes[1], sizes[0]
        grid = tensors[0].with_shape(sizes)
        return grid if len(tensors) == 1 else (grid,) * len(tensors)

    def forward(self, *tensors: TensorType) -> Any:
        made = Call("torch.meshgrid", *_listed(tensors), indexing=self.indexing)
        return Index(made, (0,)) if len(tensors) == 1 else made


@op("broadcast_tensors", "torch.broadcast_tensors")
class BroadcastTensors(Op):
    """Each tensor in the shape that all broadcast to."""

    rule = "the shape the inputs broadcast to"
    inputs = ("*x",)
    result = ("*tensor",)
    examples = (
        Example({}, ("float32[B, 1, 8]", "int64[T, 1]"), ("float32[B, T, 8]", "int64[B, T, 8]")),
        Example({}, ("float32[3]", "float32[]"), ("float32[3]", "float32[3]")),
    )

    def infer(self, require: Require, *tensors: TensorType) -> TensorType | tuple[TensorType, ...]:
        shape = broadcast(require, [x.shape for x in tensors], self.name, tuple(range(len(tensors))))
        stretched = tuple(x.with_shape(shape) for x in tensors)
        return stretched[0] if len(tensors) == 1 else stretched

    def forward(self, *tensors: TensorType) -> Any:
        made = Call("torch.broadcast_tensors", *_listed(tensors))
        return Index(made, (0,)) if len(tensors) == 1 else made


@op("cartesian_prod", "torch.cartesian_prod")
class CartesianProd(Op):
    """Every combination of an element of each vector, one a row."""

    rule = "[the product of the sizes, as many as there are inputs]; of one input its own shape"
    inputs = ("*x",)
    examples = (
        Example({}, ("float32[N]", "float32[M]"), "float32[M*N, 2]"),
        Example({}, ("int64[2]", "int64[3]", "int64[4]"), "int64[24, 3]"),
    )

    def infer(self, require: Require, *tensors: TensorType) -> TensorType:
        total: Size = 1
        for number, x in enumerate(tensors):
            require.rank(x, 1, what="each input of `cartesian_prod`", inputs=(number,))
            require.same_dtype(tensors[0], x, "the inputs of `cartesian_prod`", inputs=(0, number))
            total = total * x.shape[0]
        return tensors[0].with_shape((total, len(tensors)) if len(tensors) > 1 else (total,))

    def forward(self, *tensors: TensorType) -> Any:
        return Call("torch.cartesian_prod", *_listed(tensors))


@op("combinations", "torch.combinations")
class Combinations(Op):
    """Every choice of r elements of a vector, one a row: the pairs of a factorisation machine."""

    rule = "[as many as there are choices, r]"
    r = arg(PositiveInt, 2, "how many are chosen")
    with_replacement = arg(Bool, False, "an element may be chosen again")
    examples = (
        Example({}, "float32[5]", "float32[10, 2]"),
        Example({"r": 3, "with_replacement": True}, "int64[4]", "int64[20, 3]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, 1, what="the input of `combinations`", inputs=(0,))
        n = require.known(x.shape[0], "`combinations` has as many rows as choices", inputs=(0,), axis=(0,))
        least = 1 if self.with_replacement else self.r
        require.at_least(n, least, "`combinations` has not enough to choose from", inputs=(0,), axis=(0,))
        choices = comb(n + self.r - 1, self.r) if self.with_replacement else comb(n, self.r)
        return x.with_shape((choices, self.r))

    def forward(self, x: TensorType) -> Any:
        return Call("torch.combinations", In(0), **given(self, "r", "with_replacement"))


@op("block_diag", "torch.block_diag")
class BlockDiag(Op):
    """A matrix with the inputs as blocks on its diagonal, and zeros elsewhere."""

    rule = "[the sum of the rows, the sum of the columns]"
    inputs = ("*x",)
    examples = (
        Example({}, ("float32[2, 3]", "float32[N, 4]"), "float32[N + 2, 7]"),
        Example({}, ("int64[3]", "float64[2, 2]"), "float64[3, 5]"),
    )

    def infer(self, require: Require, *tensors: TensorType) -> TensorType:
        rows: Size = 0
        columns: Size = 0
        for number, x in enumerate(tensors):
            require.rank(x, 0, 1, 2, what="each input of `block_diag`", inputs=(number,))
            height, width = (1, 1, *x.shape)[-2:]
            rows, columns = rows + height, columns + width
        return TensorType(result_type(*tensors), (rows, columns))

    def forward(self, *tensors: TensorType) -> Any:
        return Call("torch.block_diag", *_listed(tensors))


@op("vander", "torch.linalg.vander")
class Vander(Op):
    """The powers 0, 1, 2, … of each element, as a new last dimension: a basis of polynomials."""

    rule = "the shape of x, and behind it N, which left out is the last size"
    N = arg(Optional(Int(2)), None, "how many powers; left out: as many as there are elements")
    examples = (
        Example({"N": 4}, "float32[B, T]", "float32[B, T, 4]"),
        Example({}, "float64[5]", "float64[5, 5]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        shape = x.shape or (1,)  # a scalar is a list of one
        if x.dtype in ("float16", "bfloat16", "bool"):
            require.fail("AS303", f"`vander` does not take {x.dtype}", inputs=(0,))
        if self.N is None:
            require.at_least(
                shape[-1], 2, "`vander` has two powers or more", inputs=(0,), axis=tuple(range(x.rank))[-1:]
            )
        return TensorType(whole_sum(x.dtype), (*shape, shape[-1] if self.N is None else self.N))

    def forward(self, x: TensorType) -> Any:
        return Call(self.counterpart, In(0), **given(self, "N"))
