"""Lookup tables."""

from __future__ import annotations

from typing import Any

from archspec.ops.base import Example, Op, State, arg
from archspec.ops.calls import given
from archspec.ops.expr import Call, In, Module, Name
from archspec.ops.kinds import AnyInt, BadValue, Bool, Choice, Number, Optional, PositiveInt
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import FLOATING, INTEGRAL, TensorType, promote


class _Table(Op):
    """What both lookups share: one row of `embedding_dim` numbers for each index."""

    num_embeddings = arg(PositiveInt, doc="number of rows: indices go from 0 to num_embeddings - 1")
    embedding_dim = arg(PositiveInt, doc="size of a row")
    padding_idx = arg(
        Optional(AnyInt), None, "a row that gets no gradient (and starts as zeros); negative counts from the end"
    )
    max_norm = arg(Optional(Number), None, "rows looked up are scaled down to this norm")
    norm_type = arg(Number, 2.0, "the p of that norm")
    scale_grad_by_freq = arg(Bool, False, "divide gradients by how often a row is in the batch")
    sparse = arg(Bool, False, "sparse gradients of the weight")
    dtype = arg(Choice(*FLOATING), "float32", "dtype of the rows")

    def validate(self) -> None:
        rows = self.num_embeddings
        if self.padding_idx is not None and not -rows <= self.padding_idx < rows:
            raise BadValue(
                f"`padding_idx` must be from {-rows} to {rows - 1}, got {self.padding_idx}", ("padding_idx",)
            )
        if self.sparse and self.scale_grad_by_freq:
            raise BadValue("sparse gradients are not divided by frequencies", ("scale_grad_by_freq",))

    def state(self, *inputs: Any) -> tuple[State, ...]:
        return (State("weight", (self.num_embeddings, self.embedding_dim), self.dtype),)

    def module(self, *inputs: Any) -> Call:
        names = [name for name in self.args if name not in ("num_embeddings", "embedding_dim", "dtype")]
        dtype = {} if self.dtype == "float32" else {"dtype": Name(f"torch.{self.dtype}")}
        return Call(self.counterpart[6:], self.num_embeddings, self.embedding_dim, **given(self, *names), **dtype)


@op("embedding", "torch.nn.Embedding")
class Embedding(_Table):
    """The row of each index: [*] of int32 or int64 becomes [*, embedding_dim]."""

    rule = "[*] → [*, embedding_dim]"
    weight_axes = "table"
    examples = (
        Example({"num_embeddings": 100, "embedding_dim": 16}, "int64[B, T]", "float32[B, T, 16]"),
        Example(
            {"num_embeddings": 10, "embedding_dim": 4, "padding_idx": 0, "max_norm": 1}, "int32[B]", "float32[B, 4]"
        ),
        Example(
            {"num_embeddings": 10, "embedding_dim": 4, "padding_idx": -1, "sparse": True, "dtype": "float64"},
            "int64[B]",
            "float64[B, 4]",
        ),
        Example({"num_embeddings": 10, "embedding_dim": 4}, "int64[]", "float32[4]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.dtype(x, "int64", "int32", what="the indices of `embedding`", inputs=(0,))
        if self.sparse and self.padding_idx is not None and not x.shape:
            message = "`embedding` of a lone index has no sparse gradient with a `padding_idx`"
            require.fail("AS301", message, inputs=(0,), argument="sparse")
        return TensorType(self.dtype, (*x.shape, self.embedding_dim))

    def apart(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return axis


@op("embedding_bag", "torch.nn.EmbeddingBag")
class EmbeddingBag(_Table):
    """Sum, mean or maximum over each bag: a row of [B, N], or a stretch of [N] that begins at one of `offsets`."""

    rule = (
        "[N, L] → [N, embedding_dim], or [L], [N] → [N, embedding_dim];"
        " with `include_last_offset` one bag fewer than offsets"
    )
    inputs = ("x", "offsets?", "per_sample_weights?")
    mode = arg(Choice("sum", "mean", "max"), "mean", "how a bag is reduced")
    include_last_offset = arg(Bool, False, "the last offset is the number of indices")
    examples = (
        Example({"num_embeddings": 100, "embedding_dim": 16}, "int64[B, N]", "float32[B, 16]"),
        Example(
            {"num_embeddings": 10, "embedding_dim": 4, "mode": "max", "padding_idx": 2},
            ("int64[N]", "int64[B]"),
            "float32[B, 4]",
        ),
        Example(
            {"num_embeddings": 10, "embedding_dim": 4, "mode": "sum", "include_last_offset": True},
            ("int64[7]", "int64[3]", "float32[7]"),
            "float32[2, 4]",
        ),
    )

    def validate(self) -> None:
        super().validate()
        for name in ("scale_grad_by_freq", "sparse"):
            if self.mode == "max" and getattr(self, name):
                raise BadValue(f"`{name}` does not go with `mode: max`", (name,))

    def infer(
        self, require: Require, x: TensorType, offsets: TensorType | None = None, weights: TensorType | None = None
    ) -> TensorType:
        if offsets is None or self.max_norm is not None or not {x.dtype, offsets.dtype} <= {*INTEGRAL, "bool"}:
            index = x
        else:  # PyTorch brings the two to one dtype, though not before rows are scaled to `max_norm`
            index = x.with_dtype(promote(x.dtype, offsets.dtype))
        require.dtype(index, "int64", "int32", what="the indices of `embedding_bag`", inputs=(0,))
        require.rank(x, 1, 2, what="the indices of `embedding_bag`", inputs=(0,))
        bags = x.shape[0]
        if x.rank == 2:
            if offsets is not None:
                require.fail(
                    "AS301",
                    "`embedding_bag` takes no offsets with indices of 2 dimensions, whose rows are the bags",
                    inputs=(1,),
                )
            require.at_least(x.shape[1], 1, "the indices of a bag", inputs=(0,), axis=(1,))
        elif offsets is None:
            require.fail("AS301", "`embedding_bag` needs offsets with indices of 1 dimension", inputs=(0,))
        else:
            require.dtype(offsets, *INTEGRAL, "bool", what="the offsets of `embedding_bag`", inputs=(1,))
            require.rank(offsets, 1, what="the offsets of `embedding_bag`", inputs=(1,))
            bags = offsets.shape[0]
            message = "`embedding_bag` has no bag"
            if self.include_last_offset:
                message += " between the offsets, of which the last is the end"
            require.at_least(bags, 1 + self.include_last_offset, message, inputs=(1,), axis=(0,))
            bags = bags - self.include_last_offset
        if weights is not None:
            if self.mode != "sum":
                require.fail(
                    "AS205",
                    f"`embedding_bag` takes weights with `mode: sum` only, not {self.mode}",
                    inputs=(2,),
                    argument="mode",
                )
            require.dtype(weights, self.dtype, what="the weights of `embedding_bag`", inputs=(2,))
            require.rank(weights, x.rank, what="the weights of `embedding_bag`", inputs=(2,))
            for axis, (a, b) in enumerate(zip(weights.shape, x.shape, strict=True)):
                require.equal(a, b, "`embedding_bag` needs one weight for each index", inputs=(2, 0), axis=(axis, axis))
        return TensorType(self.dtype, (bags, self.embedding_dim))

    def forward(self, x: TensorType, offsets: TensorType | None = None, weights: TensorType | None = None) -> Any:
        by_offset = () if offsets is None else (In(1),)
        return Module(In(0), *by_offset, **({} if weights is None else {"per_sample_weights": In(2)}))
