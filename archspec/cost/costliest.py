"""The parts of a model that cost most: where to look when there is too much of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from archspec.cost.totals import Types, each_call
from archspec.diagnostics.model import Span
from archspec.ops.base import Op
from archspec.shapes.typed import Typed, TypedNode

Measure = Callable[[TypedNode, Op | Typed, Types, Types], int]
_OPENED = 12  # parts that are looked into
_SHARE = 2  # a part that has more than one in so many is looked into


class Part(NamedTuple):
    """`times` equal turns of a node under one `path` (`layer3`, `h.0 … h.11`), and what they cost together."""

    path: str
    cost: int
    span: Span
    times: int
    inner: Typed | None


def costliest(typed: Typed, measure: Measure, most: int = 3) -> list[Part]:
    """The costliest parts, the greatest first. One that has half of everything is given by its own parts."""
    parts = _parts(typed, measure, "", 1)
    total = sum(part.cost for part in parts)
    for _ in range(_OPENED):
        first = max(parts, key=lambda part: part.cost, default=None)
        if first is None or first.inner is None or first.cost * _SHARE < total:
            break
        parts.remove(first)
        inner = _parts(first.inner, measure, first.path, first.times)
        steps = max(first.cost // max(sum(part.cost for part in inner), 1), 1)  # of a scan, for what each step costs
        parts += [part._replace(cost=part.cost * steps) for part in inner]
    return [part for part in sorted(parts, key=lambda part: -part.cost) if part.cost][:most]


def _parts(typed: Typed, measure: Measure, around: str, times: int) -> list[Part]:
    """A part for each node, and for each run of equal turns. The modules of a scan belong to what is around it."""
    out: list[Part] = []
    for done in typed.nodes:
        runs: list[tuple[int, int, int, Op | Typed]] = []  # first turn, last turn, cost of one, what is called
        for turn, (callee, inputs, outputs) in enumerate(each_call(done)):
            cost = measure(done, callee, inputs, outputs)
            if runs and runs[-1][2:] == (cost, callee):
                runs[-1] = (runs[-1][0], turn, cost, callee)
            else:
                runs.append((turn, turn, cost, callee))
        for first, last, cost, callee in runs:
            paths = done.node.paths
            path = paths[first] if first == last else f"{paths[first]} … {paths[last].rpartition('.')[2]}"
            turns = (last - first + 1) * times
            inner = callee if isinstance(callee, Typed) else None
            out.append(Part(".".join(filter(None, (around, path))), cost * turns, done.node.key_span, turns, inner))
    return out
