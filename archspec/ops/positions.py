"""Reading and writing at positions in several dimensions at once, or in the flattened tensor."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.ops.arranging import Diagonal
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast, category
from archspec.ops.calls import given
from archspec.ops.expr import Call, In, Index, Method, Slice
from archspec.ops.indexing import not_empty
from archspec.ops.kinds import AnyInt, Bool, Choice, ListOf, NonNegativeInt, PositiveInt
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.scatter import IndexWrite, Part
from archspec.ops.tensor import TensorType


@op("index")
class IndexOp(Op):
    """The elements at positions that several tensors say together: `x[rows, columns]`, an element a pair.

    The positions broadcast; they are of neighbouring dimensions, the first of which is `dim`.
    """

    rule = "the dimensions before `dim`, the shape the positions broadcast to, and the dimensions that are left"
    inputs = ("x", "*index")
    dim = arg(NonNegativeInt, 0, "the first of the dimensions that the positions point into")
    examples = (
        Example({}, ("float32[B, T, 8]", "int64[B, 1]", "int64[B, 3]"), "float32[B, 3, 8]"),
        Example({"dim": 1}, ("float64[B, 5, 4]", "int64[6]", "int64[6]"), "float64[B, 6]"),
        Example({}, ("float32[100, 4]", "int64[T, T]"), "float32[T, T, 4]"),
    )

    def infer(self, require: Require, x: TensorType, *index: TensorType) -> TensorType:
        first, last = self.dim, self.dim + len(index)
        require.rank(x, least=last, what=f"with {len(index)} positions from dimension {first} on, x", inputs=(0,))
        for number, each in enumerate(index, 1):
            require.dtype(each, "int64", "int32", what="the positions of `index`", inputs=(number,))
        joint = broadcast(require, [each.shape for each in index], self.name, tuple(range(1, len(index) + 1)))
        for axis, each in enumerate(index, first):
            not_empty(require, x, axis, each.with_shape(joint))
        return x.with_shape((*x.shape[:first], *joint, *x.shape[last:]))

    def forward(self, x: TensorType, *index: TensorType) -> Any:
        return Index(In(0), (Slice(),) * self.dim + tuple(In(i) for i in range(1, len(index) + 1)))


@op("index_put", "torch.index_put")
class IndexPut(Op):
    """x with values written at positions that several tensors say together: `x[rows, columns] = values`."""

    rule = "the shape of x"
    inputs = ("x", "values", "*index")
    accumulate = arg(Bool, False, "add the values to what is there, each as often as its place is named")
    examples = (
        Example({}, ("float32[B, T, 8]", "float32[B, 3, 8]", "int64[B, 1]", "int64[B, 3]"), "float32[B, T, 8]"),
        Example({"accumulate": True}, ("float64[5, 4]", "float64[6]", "int64[6]", "int64[6]"), "float64[5, 4]"),
    )

    def infer(self, require: Require, x: TensorType, values: TensorType, *index: TensorType) -> TensorType:
        require.rank(x, least=len(index), what=f"with {len(index)} positions, x", inputs=(0,))
        require.same_dtype(x, values, "x and the values of `index_put`", inputs=(0, 1))
        for number, each in enumerate(index, 2):
            require.dtype(each, "int64", "int32", what="the positions of `index_put`", inputs=(number,))
        joint = broadcast(require, [each.shape for each in index], self.name, tuple(range(2, len(index) + 2)))
        for axis, each in enumerate(index):
            not_empty(require, x, axis, each.with_shape(joint))
        places = (*joint, *x.shape[len(index) :])
        require.rank(
            values, *range(len(places) + 1), what=f"for places {x.with_shape(places)}, the values", inputs=(1,)
        )
        for back, size in enumerate(reversed(values.shape), 1):
            message = "`index_put` has values that do not stretch to the places"
            require.stretches(size, places[-back], message, inputs=(1,), axis=(values.rank - back,))
        return x

    def forward(self, x: TensorType, values: TensorType, *index: TensorType) -> Any:
        places = tuple(In(i) for i in range(2, len(index) + 2))
        return Call("torch.index_put", In(0), places, In(1), **given(self, "accumulate"))


@op("take", "torch.take")
class Take(Op):
    """The elements of the flattened x at positions."""

    rule = "the shape of index"
    inputs = ("x", "index")
    examples = (
        Example({}, ("float32[B, 4]", "int64[N]"), "float32[N]"),
        Example({}, ("int32[5]", "int64[2, 3]"), "int32[2, 3]"),
    )

    def infer(self, require: Require, x: TensorType, index: TensorType) -> TensorType:
        require.dtype(index, "int64", what="the index of `take`", inputs=(1,))
        if index.numel() != 0:
            require.elements(x, "what `take` reads", inputs=(0,))
        return x.with_shape(index.shape)

    def forward(self, x: TensorType, index: TensorType) -> Any:
        return Method(In(0), "take", In(1))


@op("put", "torch.put")
class Put(Op):
    """x with elements written at positions of its flattened form; as many as there are positions."""

    rule = SAME
    inputs = ("x", "index", "source")
    accumulate = arg(Bool, False, "add them to what is there")
    examples = (
        Example({}, ("float32[4, 8]", "int64[6]", "float32[6]"), "float32[4, 8]"),
        Example({"accumulate": True}, ("float64[5]", "int64[2, 3]", "float64[3, 2]"), "float64[5]"),
    )

    def infer(self, require: Require, x: TensorType, index: TensorType, source: TensorType) -> TensorType:
        require.dtype(index, "int64", what="the index of `put`", inputs=(1,))
        require.same_dtype(x, source, "x and the source of `put`", inputs=(0, 2))
        message = "`put` writes as many elements as there are positions"
        require.equal(source.numel(), index.numel(), message, inputs=(2, 1))
        if index.numel() != 0:
            require.elements(x, "what `put` writes into", inputs=(0,))
        return x

    def forward(self, x: TensorType, index: TensorType, source: TensorType) -> Any:
        return Call("torch.put", In(0), In(1), In(2), **given(self, "accumulate"))


@op("index_reduce", "torch.index_reduce")
class IndexReduce(IndexWrite):
    """x with slices combined where `index` says: the mean or the largest of what goes to each place."""

    reduce = arg(Choice("prod", "mean", "amax", "amin"), doc="how they are combined")
    include_self = arg(Bool, True, "with what x has there")
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"dim": 0, "reduce": "mean", "include_self": False},
            ("float32[T, 8]", "int64[N]", "float32[N, 8]"),
            "float32[T, 8]",
        ),
        Example({"dim": -1, "reduce": "amax"}, ("float64[6, 5]", "int32[2]", "float64[6, 2]"), "float64[6, 5]"),
    )

    def infer(self, require: Require, x: TensorType, index: TensorType, source: TensorType | None = None) -> TensorType:
        bare = x.dtype == "bool" and (x.rank < 2 or self.reduce == "mean" or not self.include_self)
        if category(x.dtype) == 3 or bare:
            require.fail("AS303", f"`index_reduce` does not take {x.dtype}", inputs=(0,))
        if not self.include_self:
            require.dtype(index, "int64", what="without `include_self`, the index", inputs=(1,))
        return super().infer(require, x, index, source)

    def forward(self, x: TensorType, index: TensorType, source: TensorType | None = None) -> Any:
        return Call(self.counterpart, In(0), self.dim, In(1), In(2), self.reduce, **given(self, "include_self"))


@op("diagonal_scatter", "torch.diagonal_scatter")
class DiagonalScatter(Part):
    """x with a diagonal replaced."""

    offset = arg(AnyInt, 0, "which diagonal; above the main one it is positive")
    dim1 = arg(AnyInt, 0, "the rows")
    dim2 = arg(AnyInt, 1, "the columns")
    examples = (
        Example({}, ("float32[4, 4]", "float32[4]"), "float32[4, 4]"),
        Example({"offset": 1, "dim1": -2, "dim2": -1}, ("float64[B, 3, 4]", "float64[B, 3]"), "float64[B, 3, 4]"),
    )

    def infer(self, require: Require, x: TensorType, src: TensorType) -> TensorType:
        if category(x.dtype) == 3 and category(src.dtype) != 3:
            require.fail("AS303", f"`{self.name}` does not write {src.dtype} into {x.dtype}", inputs=(0, 1))
        return super().infer(require, x, src)

    def part(self, require: Require, x: TensorType) -> TensorType:
        return Diagonal.parse({name: getattr(self, name) for name in self.args}).infer(require, x)

    def forward(self, x: TensorType, src: TensorType) -> Any:
        return Call(self.counterpart, In(0), In(1), **given(self, "offset", "dim1", "dim2"))


@op("unravel_index", "torch.unravel_index")
class UnravelIndex(Op):
    """The positions in each dimension of a shape, of positions in its flattened form (of argmax, of topk)."""

    rule = "the shape of x"
    result = ("*coordinate",)
    shape = arg(ListOf(PositiveInt, 1, lone=True), doc="the shape that was flattened")
    examples = (
        Example({"shape": [4, 8]}, "int64[B, T]", ("int64[B, T]", "int64[B, T]")),
        Example({"shape": [2, 3, 4]}, "int32[]", ("int64[]",) * 3),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType | tuple[TensorType, ...]:
        if category(x.dtype) != 1:
            require.fail("AS303", f"the positions must be integers, got {x.dtype}", inputs=(0,))
        found = x.with_dtype("int64")
        return found if len(self.shape) == 1 else (found,) * len(self.shape)

    def forward(self, x: TensorType) -> Any:
        found = Call("torch.unravel_index", In(0), self.shape)
        return Index(found, (0,)) if len(self.shape) == 1 else found


@op("isin", "torch.isin")
class Isin(Op):
    """Is each element among those of another tensor?"""

    rule = SAME
    inputs = ("x", "test_elements")
    invert = arg(Bool, False, "is it none of them?")
    examples = (
        Example({}, ("int64[B, T]", "int64[N]"), "bool[B, T]"),
        Example({"invert": True}, ("float32[B]", "float64[2, 3]"), "bool[B]"),
    )

    def infer(self, require: Require, x: TensorType, among: TensorType) -> TensorType:
        for number, t in enumerate((x, among)):
            if category(t.dtype) in (0, 3):
                require.fail("AS303", f"`isin` does not take {t.dtype}", inputs=(number,))
        return x.with_dtype("bool")

    def forward(self, x: TensorType, among: TensorType) -> Any:
        elements: Any = In(1) if among.rank < 2 else Method(In(1), "flatten")  # it views what it is given
        return Call("torch.isin", In(0), elements, **given(self, "invert"))
