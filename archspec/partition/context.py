"""Which inputs of a model can be in parts of their sequences (context parallelism), read off its graph.

Each process has a part of the places of every sequence, from the inputs on. Only attention needs the others: there
keys and values are brought together, or handed round.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.diagnostics.model import Span
from archspec.ops.base import Op
from archspec.partition.sequence import SEQUENCE
from archspec.partition.walk import Place, Region, Walk
from archspec.shapes.typed import Typed, TypedNode

# Ops over the places of a sequence that PyTorch works out from its parts. Not so convolutions and recurrent layers.
FROM_PARTS = {
    "add", "addcmul", "amax", "amin", "argmax", "argmin", "chunk", "concat", "cumsum", "einsum", "eq", "expand",
    "flatten", "flip", "ge", "gt", "le", "log_softmax", "logical_and", "logical_not", "logical_or", "logsumexp",
    "lt", "masked_fill", "matmul", "max", "mean", "mul", "narrow", "ne", "norm", "one_hot", "pad", "permute",
    "reshape", "roll", "select", "slice", "softmax", "split", "squeeze", "std", "sum", "transpose", "tril", "triu",
    "unflatten", "unsqueeze", "where",
}  # fmt: skip


class Context(NamedTuple):
    """`inputs`: numbers of the inputs whose second axis is in parts. `refused`: what needs a sequence whole, where."""

    inputs: tuple[int, ...] = ()
    refused: tuple[tuple[str, Span], ...] = ()


def context_plan(typed: Typed) -> Context:
    """The plan: of inputs that attention reads as sequences, [B, T] or [B, T, …]."""
    walk = _Walk()
    regions = [Region() for _ in typed.inputs]
    starts = [
        (region, SEQUENCE) if type.rank > SEQUENCE else None for region, type in zip(regions, typed.inputs, strict=True)
    ]
    walk.graph(typed, tuple(starts), "")
    inputs = tuple(number for number, region in enumerate(regions) if starts[number] is not None and region.top.ends)
    refused = {span: (what, span) for region, what, span in walk.refused if region.top.ends}
    return Context(inputs, tuple(refused.values()))


class _Walk(Walk):
    """A region ends in attention. `refused`: what other op needs one whole."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[tuple[Region, str, Span]] = []

    def whole(self, node: Any) -> bool:
        return False

    def node(self, done: TypedNode, given: list[Place | None], prefix: str) -> list[Place | None]:
        if done.node.scan is not None:
            self._refuse(given, "a scan", done.node.span)
            given = [None] * len(given)
        return super().node(done, given, prefix)

    def op(
        self, done: TypedNode, op: Op, types: tuple[Any, ...], results: Any, given: list[Place | None], path: str
    ) -> list[Place | None]:
        span = done.node.span
        if op.name == "attention":
            return [self._attended(op, types, given, path, span)]
        if op.weight_axes == "table" and given[0] is not None:
            return [given[0]]
        out = super().op(done, op, types, results, given, path)
        if all(place is None for place in out) and op.inputs and op.name not in FROM_PARTS:  # else it reads sizes only
            self._refuse(given, f"`{op.name}`", span)
        return out

    def _attended(
        self, op: Op, types: tuple[Any, ...], given: list[Place | None], path: str, span: Span
    ) -> Place | None:
        """Queries give their places to the result; keys and values come from all."""
        sequences = [
            place
            for place, type in zip(given[:3], types, strict=False)
            if place is not None and place[1] == (SEQUENCE if getattr(op, "num_heads") else type.rank - 2)  # noqa: B009
        ]
        for region, _ in sequences:
            region.top.ends[path] = span
            sequences[0][0].join(region)
        return given[0] if given[0] in sequences else None

    def _refuse(self, given: list[Place | None], what: str, span: Span) -> None:
        self.refused += [(place[0], what, span) for place in given if place is not None]
