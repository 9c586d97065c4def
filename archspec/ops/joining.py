"""Putting tensors together and taking them apart along one dimension."""

from __future__ import annotations

from typing import Any

from archspec.dims import Size, ceil_div
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import result_type
from archspec.ops.expr import Call, In, Index, Method
from archspec.ops.kinds import AnyInt, ASize, ListOf, NonNegativeInt, OneOf, PositiveInt
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType

MOST_PIECES = 10_000  # outputs of one op


@op("concat", "torch.cat")
class Concat(Op):
    """Join tensors along an existing dimension; all their other sizes agree."""

    rule = "the shape of the inputs, which agree but along `dim`, where their sizes are added up"
    inputs = ("*x",)
    dim = arg(AnyInt, 0, "the dimension that grows")
    examples = (
        Example({"dim": 1}, ("float32[B, 3, H, W]", "float32[B, 5, H, W]"), "float32[B, 8, H, W]"),
        Example({"dim": -1}, ("float32[B, 4]", "float16[B, 4]", "int64[B, 1]"), "float32[B, 9]"),
        Example({}, ("int64[3]", "int64[4]"), "int64[7]"),
    )

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return None if axis == self.dim % output.rank else axis

    def infer(self, require: Require, *tensors: TensorType) -> TensorType:
        first = tensors[0]
        require.rank(first, least=1, inputs=(0,))
        axis = require.axis(first, self.dim)
        joined: Size = first.shape[axis]
        shape = list(first.shape)
        for number, x in enumerate(tensors[1:], 1):
            require.rank(x, first.rank, what=f"with an input {first}, each input", inputs=(0, number))
            for other in range(first.rank):
                if other != axis:
                    shape[other] = require.equal(
                        shape[other],
                        x.shape[other],
                        f"`concat` along dimension {self.dim} reads two sizes that differ in dimension {other}",
                        inputs=(0, number),
                        axis=(other, other),
                    )
            joined = joined + x.shape[axis]
        shape[axis] = joined
        return TensorType(result_type(*tensors), tuple(shape))

    def forward(self, *tensors: TensorType) -> Any:
        dim = {"dim": self.dim} if self.dim else {}
        return Call("torch.cat", [In(i) for i in range(len(tensors))], **dim)


@op("stack", "torch.stack")
class Stack(Op):
    """Join tensors of one shape along a new dimension."""

    rule = "the shape of the inputs, which agree, with a new dimension `dim` of as many as there are"
    inputs = ("*x",)
    dim = arg(AnyInt, 0, "where the new dimension stands in the result")
    examples = (
        Example({}, ("float32[B, 3]", "float32[B, 3]"), "float32[2, B, 3]"),
        Example({"dim": -1}, ("float32[B, 3]", "float32[B, 3]", "int64[B, 3]"), "float32[B, 3, 3]"),
    )

    def infer(self, require: Require, *tensors: TensorType) -> TensorType:
        first = tensors[0]
        axis = require.axis(first, self.dim, extra=1)
        shape = list(first.shape)
        for number, x in enumerate(tensors[1:], 1):
            require.rank(x, first.rank, what=f"with an input {first}, each input", inputs=(0, number))
            for other, size in enumerate(x.shape):
                shape[other] = require.equal(
                    shape[other],
                    size,
                    f"`stack` reads two sizes that differ in dimension {other}",
                    inputs=(0, number),
                    axis=(other, other),
                )
        shape.insert(axis, len(tensors))
        return TensorType(result_type(*tensors), tuple(shape))

    def apart(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return axis + (axis >= self.dim % output.rank)

    def forward(self, *tensors: TensorType) -> Any:
        dim = {"dim": self.dim} if self.dim else {}
        return Call("torch.stack", [In(i) for i in range(len(tensors))], **dim)


class Pieces(Op):
    """Base of ops that take one tensor apart into several."""

    result = ("*piece",)
    dim: Any

    def check(self, require: Require, x: TensorType, axis: int) -> None:
        """What must hold for the pieces to be counted."""

    def count(self, x: TensorType) -> int:
        """How many pieces there are. Called only after `check` succeeded."""
        raise NotImplementedError

    def pieces(self, require: Require, x: TensorType, axis: int) -> list[TensorType]:
        """Their types."""
        raise NotImplementedError

    def taken_apart(self, x: TensorType) -> Any:
        """The call; its value is a tuple."""
        raise NotImplementedError

    def infer(self, require: Require, x: TensorType) -> TensorType | tuple[TensorType, ...]:
        require.rank(x, least=1, inputs=(0,))
        axis = require.axis(x, self.dim)
        self.check(require, x, axis)
        count = self.count(x)
        if count > MOST_PIECES:
            require.fail("AS304", f"`{self.name}` has {count} results here; {MOST_PIECES} are allowed", inputs=(0,))
        found = self.pieces(require, x, axis)
        return found[0] if len(found) == 1 else tuple(found)

    def apart(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        here = self.dim % inputs[0].rank
        return None if axis == here else axis - (axis > here and output.rank < inputs[0].rank)

    def forward(self, x: TensorType) -> Any:
        value = self.taken_apart(x)
        return Index(value, (0,)) if self.count(x) == 1 else value


@op("chunk", "torch.chunk")
class Chunk(Pieces):
    """Take a dimension apart into `chunks` pieces of equal size (the last may be smaller)."""

    rule = "the shape of x, along `dim` ceil(S / chunks) for each piece, the last the rest"
    chunks = arg(PositiveInt, doc="number of pieces")
    dim = arg(AnyInt, 0, "the dimension to take apart")
    examples = (
        Example({"chunks": 3, "dim": -1}, "float32[B, T, 12]", ("float32[B, T, 4]",) * 3),
        Example(2, "float32[5, 2]", ("float32[3, 2]", "float32[2, 2]")),
        Example(4, "float32[6]", ("float32[2]",) * 3),
        Example(1, "float32[B, 6]", "float32[B, 6]"),
    )

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return None if axis == self.dim % output.rank else axis

    def pieces(self, require: Require, x: TensorType, axis: int) -> list[TensorType]:
        size = x.shape[axis]
        if isinstance(size, int):
            if size == 0:
                return [x] * self.chunks
            each = -(-size // self.chunks)
            sizes: list[Size] = [min(each, size - start) for start in range(0, size, each)]
        else:
            piece = ceil_div(size, self.chunks)
            last = size - (self.chunks - 1) * piece
            require.at_least(
                last, 1, f"`chunk` into {self.chunks} leaves a last piece too small", inputs=(0,), axis=(axis,)
            )
            sizes = [piece] * (self.chunks - 1) + [last]
        return [x.with_shape((*x.shape[:axis], s, *x.shape[axis + 1 :])) for s in sizes]

    def count(self, x: TensorType) -> int:
        size = x.shape[self.dim]
        return len(range(0, size, -(-size // self.chunks))) if isinstance(size, int) and size else self.chunks

    def taken_apart(self, x: TensorType) -> Any:
        dim = {"dim": self.dim} if self.dim else {}
        return Method(In(0), "chunk", self.chunks, **dim)


@op("split", "torch.split")
class Split(Pieces):
    """Take a dimension apart into pieces of a size (the last may be smaller), or of the sizes in a list."""

    rule = "the shape of x, along `dim` a `split_size` for each piece; of a lone one, the last has the rest"
    split_size = arg(
        OneOf(PositiveInt, ListOf(ASize, 1), title="a positive integer, or a list of sizes"),
        doc="size of a piece, or the sizes of all pieces",
    )
    dim = arg(AnyInt, 0, "the dimension to take apart")
    examples = (
        Example({"split_size": [4, 8], "dim": -1}, "float32[B, T, 12]", ("float32[B, T, 4]", "float32[B, T, 8]")),
        Example({"split_size": 4, "dim": 1}, "float32[B, 10]", ("float32[B, 4]", "float32[B, 4]", "float32[B, 2]")),
        Example({"split_size": 10, "dim": 1}, "float32[B, 10]", "float32[B, 10]"),
    )

    def check(self, require: Require, x: TensorType, axis: int) -> None:
        if isinstance(self.split_size, int):
            message = "`split` by a piece's size gives as many pieces as fit"
            require.known(x.shape[axis], message, inputs=(0,), axis=(axis,))
        else:
            message = "the sizes of `split` must add up to the size of the dimension"
            for size in self.split_size:
                require.at_least(size, 0, "a piece of `split` has no negative size", inputs=(0,), argument="split_size")
            total = sum(self.split_size)
            require.equal(total, x.shape[axis], message, inputs=(0,), argument="split_size", axis=(axis,))

    def pieces(self, require: Require, x: TensorType, axis: int) -> list[TensorType]:
        sizes, whole = self.split_size, x.shape[axis]
        if isinstance(sizes, int) and isinstance(whole, int):
            sizes = tuple(min(sizes, whole - start) for start in range(0, whole, sizes)) or (0,)
        return [x.with_shape((*x.shape[:axis], s, *x.shape[axis + 1 :])) for s in sizes]

    def count(self, x: TensorType) -> int:
        size = x.shape[self.dim]
        if isinstance(self.split_size, int) and isinstance(size, int):
            return max(1, -(-size // self.split_size))
        return len(self.split_size)

    def taken_apart(self, x: TensorType) -> Any:
        sizes = self.split_size if isinstance(self.split_size, int) else list(self.split_size)
        dim = {"dim": self.dim} if self.dim else {}
        return Method(In(0), "split", sizes, **dim)


@op("tensor_split", "torch.tensor_split")
class TensorSplit(Pieces):
    """Take a dimension apart into so many pieces (the first may be larger by one), or at the positions of a list."""

    rule = "the shape of x, along `dim` what each piece has of it"
    indices_or_sections = arg(
        OneOf(PositiveInt, ListOf(NonNegativeInt), title="a number of pieces, or a list of positions"),
        doc="number of pieces, or the positions at which all but the first begin",
    )
    dim = arg(AnyInt, 0, "the dimension to take apart")
    examples = (
        Example(
            {"indices_or_sections": 3, "dim": -1},
            "float32[B, 8]",
            ("float32[B, 3]", *("float32[B, 3]", "float32[B, 2]")),
        ),
        Example(
            {"indices_or_sections": [1, 4], "dim": 1},
            "float32[B, 6]",
            ("float32[B, 1]", "float32[B, 3]", "float32[B, 2]"),
        ),
        Example(1, "float32[6]", "float32[6]"),
    )

    def check(self, require: Require, x: TensorType, axis: int) -> None:
        message = "`tensor_split` gives pieces of whole sizes"
        require.known(x.shape[axis], message, inputs=(0,), axis=(axis,))

    def pieces(self, require: Require, x: TensorType, axis: int) -> list[TensorType]:
        whole, said = int(x.shape[axis]), self.indices_or_sections  # type: ignore[arg-type]
        if isinstance(said, int):
            sizes = [whole // said + (i < whole % said) for i in range(said)]
        else:
            ends = [min(end, whole) for end in (*said, whole)]
            sizes = [max(end - start, 0) for start, end in zip((0, *ends), ends, strict=False)]
        return [x.with_shape((*x.shape[:axis], s, *x.shape[axis + 1 :])) for s in sizes]

    def count(self, x: TensorType) -> int:
        said = self.indices_or_sections
        return said if isinstance(said, int) else len(said) + 1

    def taken_apart(self, x: TensorType) -> Any:
        dim = {"dim": self.dim} if self.dim else {}
        return Method(In(0), "tensor_split", self.indices_or_sections, **dim)


@op("unbind", "torch.unbind")
class Unbind(Pieces):
    """Take a dimension apart into its single slices, without that dimension."""

    rule = "the shape of x without `dim`"
    dim = arg(AnyInt, 0, "the dimension to take apart")
    examples = (
        Example({}, "float32[3, B, 4]", ("float32[B, 4]",) * 3),
        Example({"dim": -1}, "float32[B, 2]", ("float32[B]",) * 2),
        Example({"dim": 1}, "float32[B, 1]", "float32[B]"),
    )

    def check(self, require: Require, x: TensorType, axis: int) -> None:
        count = require.known(x.shape[axis], "`unbind` has one result for each element", inputs=(0,), axis=(axis,))
        require.at_least(count, 1, "`unbind` needs something to take apart", inputs=(0,), axis=(axis,))

    def count(self, x: TensorType) -> int:
        return int(x.shape[self.dim])  # type: ignore[arg-type]

    def pieces(self, require: Require, x: TensorType, axis: int) -> list[TensorType]:
        return [x.with_shape((*x.shape[:axis], *x.shape[axis + 1 :]))] * self.count(x)

    def taken_apart(self, x: TensorType) -> Any:
        return Method(In(0), "unbind", self.dim) if self.dim else Method(In(0), "unbind")
