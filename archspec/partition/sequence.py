"""Where a model that is split by a tensor-parallel plan can have its sequences in parts (Korthikanti et al., 2022,
arXiv:2205.05198), read off its graph.

What a split layer or table gives is added up over the processes. Where all that follows up to the next split layers
(norms, dropout, sums) treats the places of a sequence apart, each process takes the sum of a part of the places only,
and they are put together before these layers: the same is sent, and less is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from archspec.ops.base import Op
from archspec.partition.walk import Place, Region, Walk, mix
from archspec.shapes.typed import Typed, TypedNode

SEQUENCE = 1  # the axis of [B, T, C]


class Sequences(NamedTuple):
    """Paths of modules, of [B, T, C]: whose outputs come in parts of T (`scattered`), whose inputs are put together
    (`gathered`), and whose outputs are (`ended`).
    """

    scattered: tuple[str, ...] = ()
    gathered: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()


def sequence_plan(typed: Typed, split: Mapping[str, str]) -> Sequences:
    """The plan for modules that are `split` so (see archspec.partition.tensor)."""
    walk = _Walk(split)
    walk.graph(typed, tuple([None] * len(typed.inputs)), "")
    scattered = [path for path, region in walk.scattered.items() if not region.top.mixed and walk.times[path] == 1]
    ended = [path for path, region in walk.norms.items() if region.top.mixed]
    gathered = list(walk.gathered)
    return Sequences(tuple(scattered), tuple(gathered), tuple(ended)) if scattered else Sequences()


class _Walk(Walk):
    """`scattered`, `norms`: the regions that begin with these modules."""

    def __init__(self, split: Mapping[str, str]) -> None:
        super().__init__()
        self.split = split
        self.scattered: dict[str, Region] = {}
        self.norms: dict[str, Region] = {}
        self.gathered: dict[str, None] = {}

    def op(
        self, done: TypedNode, op: Op, types: tuple[Any, ...], results: Any, given: list[Place | None], path: str
    ) -> list[Place | None]:
        how = self.split.get(path)
        if how in ("rows", "table"):
            mix(given)
            return [self._begin(self.scattered, path)] if results[0].rank == SEQUENCE + 2 else [None]
        place = given[0] if given else None
        if place is not None and (how is not None or (op.weight_axes == "features" and done.node.tie)):
            if place[1] == SEQUENCE and types[0].rank == SEQUENCE + 2:
                self.gathered[path] = None
            else:
                mix(given)
            return [None] * len(results)
        out = super().op(done, op, types, results, given, path)
        if len(out) == 1 and out[0] is not None and out[0][1] == SEQUENCE and _norm(op) and self.times[path] == 1:
            return [self._begin(self.norms, path)]  # what comes after it may need the sequence whole
        return out

    def _begin(self, known: dict[str, Region], path: str) -> Place:
        known[path] = Region()
        return known[path], SEQUENCE


def _norm(op: Op) -> bool:
    return op.name in ("layer_norm", "rms_norm")
