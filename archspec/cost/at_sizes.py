"""FLOPs where the sizes are known: numbers, also where their formula would have too many terms to be of use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.cost.totals import Types, each_call, merging
from archspec.dims import Dim, Size
from archspec.ops.base import Op
from archspec.ops.tensor import TensorType
from archspec.shapes.typed import Typed, TypedNode


class FlopsAt:
    """FLOPs of typed graphs for `sizes`, {symbol: value}, which names every symbol of the inputs."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = dict(sizes)
        self._done: dict[int, int] = {}

    def of(self, typed: Typed) -> int:
        found = self._done.get(id(typed))
        if found is None:
            found = sum(map(self.of_node, typed.nodes))
            self._done[id(typed)] = found
        return found

    def of_node(self, done: TypedNode) -> int:
        """Of all turns of a node."""
        if not done.node.forward:
            return 0
        if not done.rows:
            joining = merging(done)
            joined = self._of_call(done, *joining) if joining is not None else 0
            return sum(self.of_call(done, *call) for call in each_call(done)) + joined
        fixed, one = (FlopsAt({**self.sizes, done.rows: rows}) for rows in (0, 1))
        calls = list(each_call(done))
        base = sum(fixed._of_call(done, *call) for call in calls)
        each = sum(one._of_call(done, *call) for call in calls) - base
        return each * self._number(done.steps) // len(calls) + base

    def of_call(self, done: TypedNode, callee: Op | Typed, inputs: Types, outputs: Types) -> int:
        """Of one turn of a node; where rows are routed, of an even share of them."""
        if not done.node.forward:
            return 0
        return self.of_node(done) // len(done.calls) if done.rows else self._of_call(done, callee, inputs, outputs)

    def _of_call(self, done: TypedNode, callee: Op | Typed, inputs: Types, outputs: Types) -> int:
        if isinstance(callee, Typed):
            steps = self._number(done.steps) if done.node.scan is not None else 1
            return steps * self.of(callee)
        return self._number(callee.flops(tuple(map(self._known, inputs)), tuple(map(self._known, outputs))))

    def _number(self, size: Size) -> int:
        return size.evaluate(self.sizes) if isinstance(size, Dim) else size

    def _known(self, type_: TensorType | Any) -> TensorType | Any:
        if not isinstance(type_, TensorType):
            return type_
        return type_.with_shape(map(self._number, type_.shape))


def symbols(typed: Typed) -> list[str]:
    """Those of the inputs, in order of appearance."""
    found: dict[str, None] = {}
    for type_ in typed.inputs:
        for size in type_.shape:
            if isinstance(size, Dim):
                found.update(dict.fromkeys(sorted(size.symbols)))
    return list(found)
