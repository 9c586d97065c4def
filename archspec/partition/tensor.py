"""The tensor-parallel plan of a model (Shoeybi et al., 2019, arXiv:1909.08053), read off its graph.

Where one or more linear layers feed another, and what stands between treats the features apart (activations, heads of
attention, products of two), the first can be split by columns and the last by rows: nothing is exchanged in between.
Embeddings are split by rows of their table, a linear layer that gives an output of the model by columns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.diagnostics.model import Span
from archspec.graph.ir import Node
from archspec.ops.base import Op
from archspec.ops.tensor import TensorType
from archspec.partition.walk import Limit, Place, Region, Walk, mix
from archspec.shapes.typed import Typed, TypedNode


class Plan(NamedTuple):
    """{module path: how it is split}: "columns", "rows", "table" (of an embedding), "gathered" (columns whose results
    are put together again). `uneven`: what cannot be shared out by so many processes.
    """

    modules: dict[str, str]
    uneven: tuple[Limit, ...] = ()


def tensor_plan(typed: Typed, degree: int) -> Plan:
    """The plan for `degree` processes. A module that is called more than once is left whole."""
    refused: set[str] = set()
    while True:
        walk = _Walk(refused)
        mix(walk.graph(typed, tuple([None] * len(typed.inputs)), ""))
        again = {path for path, times in walk.times.items() if times > 1}
        mixed = {
            path
            for region in walk.regions
            if region.top.mixed or not region.top.ends or again & (region.top.ends.keys() | region.top.begins.keys())
            for path in region.begins
        }
        if mixed <= refused:
            break
        refused |= mixed  # what is left whole may leave another way open
    modules: dict[str, str] = {}
    uneven: list[Limit] = []
    for region in {id(r.top): r.top for r in walk.regions}.values():
        if region.mixed or not region.ends or not region.begins:
            continue
        wrong = [limit for limit in region.limits if limit.units % degree]
        if wrong:
            uneven.append(min(wrong, key=lambda limit: limit.units))
        else:
            modules |= dict.fromkeys(region.begins, "columns") | dict.fromkeys(region.ends, "rows")
    for path, rows in walk.tables.items():
        if rows % degree == 0:
            modules[path] = "table"
    for path, features in walk.heads(typed).items():
        if path not in modules and features % degree == 0:
            modules[path] = "gathered"
    once = {path: how for path, how in modules.items() if path not in again}
    return Plan(once, tuple({limit.span: limit for limit in uneven}.values()))


class _Walk(Walk):
    def __init__(self, refused: set[str]) -> None:
        super().__init__()
        self.refused = refused
        self.tables: dict[str, int] = {}
        self.linears: dict[str, int] = {}

    def whole(self, node: Node) -> bool:
        return super().whole(node) or bool(node.tie)

    def op(
        self, done: TypedNode, op: Op, types: tuple[Any, ...], results: Any, given: list[Place | None], path: str
    ) -> list[Place | None]:
        if op.weight_axes is not None and not done.node.tie and done.node.shared is None:
            return [self.weighted(op, types, given[0], path, done.node.span)]
        return super().op(done, op, types, results, given, path)

    def weighted(self, op: Op, types: tuple[Any, ...], place: Place | None, path: str, span: Span) -> Place | None:
        """A layer with a weight: it may end what is split, or begin it."""
        x: TensorType = types[0]
        if op.weight_axes == "table":
            mix([place])
            self.tables[path] = int(getattr(op, "num_embeddings"))  # noqa: B009
            return None
        features = int(getattr(op, "out_features"))  # noqa: B009
        if place is not None:
            if place[1] == x.rank - 1:
                place[0].top.ends[path] = span
            else:
                mix([place])
            return None
        self.linears[path] = features
        if path in self.refused:
            return None
        region = Region()
        region.begins[path] = span
        region.limits.append(Limit(features, f"the {features} features of `{path}`", span))
        self.regions.append(region)
        return region, x.rank - 1

    def through(
        self, op: Op, number: int, place: Place, types: tuple[Any, ...], result: TensorType, span: Span
    ) -> Place | None:
        found = super().through(op, number, place, types, result, span)
        if found is None:
            return None
        units = op.shards(number) or result.shape[found[1]]
        if not isinstance(units, int):
            return None
        if units != types[number].shape[place[1]] or op.shards(number):
            what = f"{units} heads" if op.shards(number) else f"{units} parts"
            place[0].top.limits.append(Limit(units, what, span))
        return found

    def heads(self, typed: Typed) -> dict[str, int]:
        """Linear layers of the root that give one of its outputs."""
        found = {}
        for _, value in typed.graph.outputs:
            if value.node >= 0:
                for path in typed.nodes[value.node].node.paths:
                    if path in self.linears:
                        found[path] = self.linears[path]
        return found
