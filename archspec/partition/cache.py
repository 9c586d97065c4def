"""Whether a language model can go on from what it has worked out of the tokens before, read off its graph.

Where attention is causal and all else treats the places of a sequence apart, what comes of a place is the same however
many follow. Of the tokens before, only the keys and values of each attention are then needed again.
"""

from __future__ import annotations

from typing import Any

from archspec.diagnostics.model import Span
from archspec.dims import Dim
from archspec.ops.base import Op
from archspec.ops.creation import Made
from archspec.partition.sequence import SEQUENCE
from archspec.partition.walk import Place, Region, Walk
from archspec.shapes.typed import Typed, TypedNode

SHAPING = {"reshape", "expand", "unflatten"}  # a length among their arguments is that of what they are given


class NeedsWhole(Exception):  # noqa: N818 - what it is
    """What needs a sequence whole, and where."""

    def __init__(self, what: str, span: Span) -> None:
        super().__init__(f"{what} needs the sequence whole")
        self.span = span


def check_apart(typed: Typed) -> None:
    """Raises NeedsWhole for a model of one input, [B, T] of tokens, that has to run over all of them for each."""
    (given,) = typed.inputs
    length = given.shape[SEQUENCE]
    if not isinstance(length, Dim) or any(_tells(size, length) for size in given.shape[:SEQUENCE]):
        raise NeedsWhole("an input of fixed length", typed.graph.span)
    _Walk(length).graph(typed, ((Region(), SEQUENCE),), "")


class _Walk(Walk):
    """Every value with places has them along one axis, of the sequence's `length`; nothing else tells the length."""

    def __init__(self, length: Dim) -> None:
        super().__init__()
        self.length = length

    def whole(self, node: Any) -> bool:
        return False

    def node(self, done: TypedNode, given: list[Place | None], prefix: str) -> list[Place | None]:
        node = done.node
        for found, what in (
            (node.scan is not None, "a scan"),
            (node.join is not None, "a repeat whose turns do not follow one another"),
            (node.repeated and node.carry != 1, "a repeat that carries several values"),
        ):
            if found:
                raise NeedsWhole(what, node.span)
        return super().node(done, given, prefix)

    def op(
        self, done: TypedNode, op: Op, types: tuple[Any, ...], results: Any, given: list[Place | None], path: str
    ) -> list[Place | None]:
        whole = NeedsWhole(f"`{op.name}`", done.node.span)
        placed = [(number, place) for number, place in enumerate(given) if place is not None]
        if op.name == "attention" and placed:
            return [_attended(op, types, given, whole)]
        if op.name == "arange" and placed and (dim := getattr(op, "dim")) is not None:  # noqa: B009
            region, axis = placed[0][1]
            if dim % types[0].rank == axis:
                if (getattr(op, "start"), getattr(op, "step")) != (0, 1):  # noqa: B009
                    raise whole
                return [(region, 0)]
        if op.name not in SHAPING and any(_tells(getattr(op, name), self.length) for name in op.args):
            raise whole
        out: list[Place | None] = []
        for result in results:
            axes = {op.apart(number, axis, types, result) for number, (_, axis) in placed}
            if isinstance(op, Made):  # of what it is given it reads the device, and sizes
                axes = set()
            if None in axes or len(axes) > 1:
                raise whole
            after = next(iter(axes), None)
            told = [axis for axis, size in enumerate(result.shape) if _tells(size, self.length)]
            if after is None:
                if told:
                    raise whole
                out.append(None)
                continue
            if told != [after] or result.shape[after] != self.length:
                raise whole
            out.append((placed[0][1][0], after))
        return out


def _attended(op: Op, types: tuple[Any, ...], given: list[Place | None], whole: NeedsWhole) -> Place:
    """Causal attention along the places, without a mask, of queries, keys and values that all have them."""
    masked = (len(types) > 3 and types[3] is not None) or getattr(op, "window") is not None  # noqa: B009
    if masked or not getattr(op, "causal"):  # noqa: B009
        raise whole
    for place, type in zip(given[:3], types, strict=False):
        if place is None or place[1] != (SEQUENCE if getattr(op, "num_heads") else type.rank - 2):  # noqa: B009
            raise whole
    assert given[0] is not None
    return given[0]


def _tells(value: Any, length: Dim) -> bool:
    """Is the length in it?"""
    if isinstance(value, Dim):
        return bool(value.symbols & length.symbols)
    return any(_tells(each, length) for each in value) if isinstance(value, (tuple, list)) else False
