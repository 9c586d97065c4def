"""The stages of a pipeline (Huang et al., 2019, arXiv:1811.06965): the layers in parts of equal work, off the graph.

A stage begins with the call of a module. A repeat is cut between its turns; a block that is more than a stage's share
of the work is opened, and cut inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from archspec.cost.at_sizes import FlopsAt, symbols
from archspec.cost.totals import each_call
from archspec.diagnostics.model import Span
from archspec.ops.base import Op
from archspec.shapes.state import state_of
from archspec.shapes.typed import Typed, TypedNode


class Stage(NamedTuple):
    """`begins`: path of the module whose call it begins with ("" for the first stage). `flops`: its share of a forward
    pass over one sample; `parameters`: elements, a tied one counted in each stage that has it.
    """

    begins: str
    flops: int
    parameters: int


class Uncut(NamedTuple):
    """Why there are no such stages, and what in the spec is to blame (None: the model as a whole)."""

    why: str
    span: Span | None = None


class _Piece:
    """What cannot be cut: the calls from one place where a stage may begin to the next."""

    __slots__ = ("begins", "flops", "parameters")

    def __init__(self, begins: str) -> None:
        self.begins = begins
        self.flops = 0
        self.parameters = 0


def pipeline_stages(typed: Typed, count: int, sizes: Mapping[str, int]) -> tuple[Stage, ...] | Uncut:
    """The stages of `count` processes, whose costliest is as cheap as can be. Sizes that are not given count as 1."""
    flops = FlopsAt({**dict.fromkeys(symbols(typed), 1), **sizes})
    total = flops.of(typed)
    pieces = [_Piece("")]
    for path, done, callee, cost in _calls(typed, "", flops, total // count):
        if done.node.scan is not None or done.rows:
            what = "a loop over the steps of a sequence" if done.node.scan is not None else "rows that are routed"
            return Uncut(f"{what} cannot be cut, and is more than a stage's share", done.node.span)
        state = [] if done.node.shared is not None else _parameters(done, callee)
        module = done.node.forward and (isinstance(callee, Typed) or (callee.attribute == "module" and bool(state)))
        if module and done.node.shared is None and (pieces[-1].begins or pieces[-1].flops or pieces[-1].parameters):
            pieces.append(_Piece(path))
        pieces[-1].flops += cost
        pieces[-1].parameters += sum(state)
    if len(pieces) < count:
        return Uncut(f"the model comes apart into {len(pieces)} pieces, too few for {count} stages")
    return tuple(_balanced(pieces, count))


def _calls(typed: Typed, prefix: str, flops: FlopsAt, share: int) -> Iterator[tuple[str, TypedNode, Op | Typed, int]]:
    """(path, node, callee, FLOPs) of each call in order, with graphs that cost more than a share opened."""
    for done in typed.nodes:
        for path, call in zip(done.node.paths, each_call(done), strict=True):
            callee, cost = call[0], flops.of_call(done, *call)
            in_place = done.node.scan is not None or done.node.shared is not None or bool(done.rows)
            if isinstance(callee, Typed) and cost > share and not in_place and _opens(callee):
                yield from _calls(callee, f"{prefix}{path}.", flops, share)
            elif done.node.scan is not None or done.rows:
                if not prefix or cost > share:
                    yield prefix + path, done, callee, cost
            else:
                yield prefix + path, done, callee, cost


def _opens(typed: Typed) -> bool:
    return all(done.node.scan is None and not done.rows for done in typed.nodes)


def _parameters(done: TypedNode, callee: Op | Typed) -> list[int]:
    inputs = done.call_inputs[done.calls.index(callee)]
    out = []
    for _, state in state_of(callee, inputs):
        if state.parameter:
            size = 1
            for length in state.shape:
                size *= length
            out.append(size)
    return out


def _balanced(pieces: list[_Piece], count: int) -> Iterator[Stage]:
    """Neighbours put together so that the most FLOPs of a stage are fewest; of parameters among equals."""
    weight = 1 + sum(piece.parameters for piece in pieces)
    costs = [piece.flops * weight + piece.parameters for piece in pieces]
    low, high = max(costs), sum(costs)
    while low < high:
        middle = (low + high) // 2
        if len(_packed(costs, middle, count)) <= count:
            high = middle
        else:
            low = middle + 1
    start = 0
    for length in _packed(costs, low, count):
        group = pieces[start : start + length]
        yield Stage(group[0].begins, sum(p.flops for p in group), sum(p.parameters for p in group))
        start += length


def _packed(costs: list[int], limit: int, count: int) -> list[int]:
    """Lengths of groups of neighbours with no more than `limit` together, `count` groups at least."""
    lengths = [0]
    total = 0
    for number, cost in enumerate(costs):
        left = len(costs) - number
        if lengths[-1] and (total + cost > limit or left <= count - len(lengths)):
            lengths.append(0)
            total = 0
        lengths[-1] += 1
        total += cost
    return lengths
