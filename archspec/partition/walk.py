"""How parts of tensors go through a graph: where they come about, how far they stay apart, where they end."""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.diagnostics.model import Span
from archspec.graph.ir import Node, Value
from archspec.ops.base import Op
from archspec.shapes.typed import Typed, TypedNode


class Limit(NamedTuple):
    """Units that must stay whole: how many, what they are, and where it says so."""

    units: int
    what: str
    span: Span


class Region:
    """Tensors whose parts stay apart from where they come about to where they end.

    `begins`, `ends`: paths of the modules that do it. `limits`: what must be shared out evenly. `mixed`: something else
    needs them whole.
    """

    def __init__(self) -> None:
        self.begins: dict[str, Span] = {}
        self.ends: dict[str, Span] = {}
        self.limits: list[Limit] = []
        self.mixed = False
        self.joined: Region | None = None

    @property
    def top(self) -> Region:
        region = self
        while region.joined is not None:
            region = region.joined
        return region

    def join(self, other: Region) -> None:
        """They meet: what is wrong with one is wrong with both."""
        one, other = self.top, other.top
        if one is not other:
            one.begins |= other.begins
            one.ends |= other.ends
            one.limits += other.limits
            one.mixed = one.mixed or other.mixed
            other.joined = one


Place = tuple[Region, int]  # a tensor is in parts along this axis


class Walk:
    """Follows parts through a graph. What an op makes of them is for a subclass to say."""

    def __init__(self) -> None:
        self.regions: list[Region] = []
        self.times: dict[str, int] = {}

    def graph(self, typed: Typed, inputs: tuple[Place | None, ...], prefix: str) -> list[Place | None]:
        """What becomes of each output of a graph whose inputs are these."""
        found: dict[Value, Place | None] = {Value(-1, number): place for number, place in enumerate(inputs)}
        for number, done in enumerate(typed.nodes):
            if not done.node.forward:
                continue
            given = [None if value is None else found.get(value) for value in done.node.inputs]
            outputs = self.node(done, given, prefix)
            for output, place in enumerate(outputs):
                found[Value(number, output)] = place
        return [found.get(value) for _, value in typed.graph.outputs]

    def whole(self, node: Node) -> bool:
        """Is what goes into this node needed whole, whatever it does?"""
        return node.scan is not None or node.shared is not None

    def node(self, done: TypedNode, given: list[Place | None], prefix: str) -> list[Place | None]:
        node = done.node
        if self.whole(node):
            mix(given)
            given = [None] * len(given)
        outputs: list[Place | None] = []
        for path, callee, types in zip(node.paths, done.calls, done.call_inputs, strict=False):
            full = prefix + path
            self.times[full] = self.times.get(full, 0) + 1 + (node.shared is not None)
            if isinstance(callee, Typed):
                outputs = self.graph(callee, tuple(given), f"{full}." if path else prefix)
            else:
                results = done.outputs if len(done.calls) == 1 else types[:1]
                outputs = self.op(done, callee, types, results, given, full)
            given = [outputs[0] if outputs else None, *given[1:]]
        return outputs

    def op(
        self, done: TypedNode, op: Op, types: tuple[Any, ...], results: Any, given: list[Place | None], path: str
    ) -> list[Place | None]:
        """What becomes of the parts of an op's inputs: of each of its results."""
        split = [(number, place) for number, place in enumerate(given) if place is not None]
        out: list[Place | None] = []
        for result in results:
            places = [self.through(op, number, place, types, result, done.node.span) for number, place in split]
            kept = [place for place in places if place is not None]
            if len(kept) != len(places) or len({axis for _, axis in kept}) > 1:
                mix([place for _, place in split])
                out.append(None)
                continue
            for region, _ in kept[1:]:
                kept[0][0].join(region)
            out.append(kept[0] if kept else None)
        return out

    def through(
        self, op: Op, number: int, place: Place, types: tuple[Any, ...], result: Any, span: Span
    ) -> Place | None:
        """Where parts of input `number` are in a result of an op; None where it mixes them."""
        region, axis = place
        after = None if types[number].shape[axis] == 1 else op.shard(number, axis, types, result)
        return None if after is None else (region, after)


def mix(places: list[Place | None]) -> None:
    """These are needed whole."""
    for place in places:
        if place is not None:
            place[0].top.mixed = True
