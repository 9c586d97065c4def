"""The tensor-parallel plan of a model (Shoeybi et al., 2019, arXiv:1909.08053), read off its graph.

Where one or more linear layers feed another, and what stands between treats the features apart (activations, heads of
attention, products of two), the first can be split by columns and the last by rows: nothing is exchanged in between.
Embeddings are split by rows of their table, a linear layer that gives an output of the model by columns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.diagnostics.model import Span
from archspec.graph.ir import Value
from archspec.ops.base import Op
from archspec.ops.tensor import TensorType
from archspec.shapes.typed import Typed, TypedNode


class Region:
    """Layers that give features which stay apart, and those that take them together again.

    `columns`, `rows`: paths of modules. `mixed`: why it cannot be split after all. `limits`: units that must be shared
    out evenly, with what they are and where it says so.
    """

    def __init__(self) -> None:
        self.columns: dict[str, Span] = {}
        self.rows: dict[str, Span] = {}
        self.mixed = False
        self.limits: list[Limit] = []
        self.joined: Region | None = None

    @property
    def top(self) -> Region:
        region = self
        while region.joined is not None:
            region = region.joined
        return region


class Limit(NamedTuple):
    units: int
    what: str
    span: Span


class Plan(NamedTuple):
    """{module path: how it is split}: "columns", "rows", "table" (of an embedding), "gathered" (columns whose results
    are put together again). `uneven`: what cannot be shared out by so many processes.
    """

    modules: dict[str, str]
    uneven: tuple[Limit, ...] = ()


Place = tuple[Region, int]  # a tensor's features are split along this axis


def tensor_plan(typed: Typed, degree: int) -> Plan:
    """The plan for `degree` processes. A module that is called more than once is left whole."""
    refused: set[str] = set()
    while True:
        walk = _Walk(refused)
        _mix(walk.graph(typed, tuple([None] * len(typed.inputs)), ""))
        again = {path for path, times in walk.times.items() if times > 1}
        mixed = {
            path
            for region in walk.regions
            if region.top.mixed or not region.top.rows or again & (region.top.rows.keys() | region.top.columns.keys())
            for path in region.columns
        }
        if mixed <= refused:
            break
        refused |= mixed  # what is left whole may leave another way open
    modules: dict[str, str] = {}
    uneven: list[Limit] = []
    for region in {id(r.top): r.top for r in walk.regions}.values():
        if region.mixed or not region.rows or not region.columns:
            continue
        wrong = [limit for limit in region.limits if limit.units % degree]
        if wrong:
            uneven.append(min(wrong, key=lambda limit: limit.units))
        else:
            modules |= dict.fromkeys(region.columns, "columns") | dict.fromkeys(region.rows, "rows")
    for path, rows in walk.tables.items():
        if rows % degree == 0:
            modules[path] = "table"
    for path, features in walk.heads(typed).items():
        if path not in modules and features % degree == 0:
            modules[path] = "gathered"
    once = {path: how for path, how in modules.items() if path not in again}
    return Plan(once, tuple({limit.span: limit for limit in uneven}.values()))


class _Walk:
    def __init__(self, refused: set[str]) -> None:
        self.refused = refused
        self.regions: list[Region] = []
        self.tables: dict[str, int] = {}
        self.linears: dict[str, int] = {}
        self.times: dict[str, int] = {}

    def graph(self, typed: Typed, inputs: tuple[Place | None, ...], prefix: str) -> list[Place | None]:
        """What becomes of each output of a graph whose inputs are these."""
        found: dict[Value, Place | None] = {Value(-1, number): place for number, place in enumerate(inputs)}
        for number, done in enumerate(typed.nodes):
            given = [None if value is None else found.get(value) for value in done.node.inputs]
            outputs = self.node(done, given, prefix)
            for output, place in enumerate(outputs):
                found[Value(number, output)] = place
        return [found.get(value) for _, value in typed.graph.outputs]

    def node(self, done: TypedNode, given: list[Place | None], prefix: str) -> list[Place | None]:
        node = done.node
        if node.scan is not None or node.shared is not None or node.tie:
            _mix(given)
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
        span = done.node.span
        split = [(number, place) for number, place in enumerate(given) if place is not None]
        if op.weight_axes is not None and not done.node.tie and done.node.shared is None:
            return [self.weighted(op, types, given[0], path, span)]
        out: list[Place | None] = []
        for result in results:
            places = [self.through(op, number, place, types, result, span) for number, place in split]
            kept = [place for place in places if place is not None]
            if len(kept) != len(places) or len({axis for _, axis in kept}) > 1:
                _mix([place for _, place in split])
                out.append(None)
                continue
            for region, _ in kept[1:]:
                _join(kept[0][0], region)
            out.append(kept[0] if kept else None)
        return out

    def weighted(self, op: Op, types: tuple[Any, ...], place: Place | None, path: str, span: Span) -> Place | None:
        """A layer with a weight: it may end what is split, or begin it."""
        x: TensorType = types[0]
        if op.weight_axes == "table":
            _mix([place])
            self.tables[path] = int(getattr(op, "num_embeddings"))  # noqa: B009
            return None
        features = int(getattr(op, "out_features"))  # noqa: B009
        if place is not None:
            if place[1] == x.rank - 1:
                place[0].top.rows[path] = span
            else:
                _mix([place])
            return None
        self.linears[path] = features
        if path in self.refused:
            return None
        region = Region()
        region.columns[path] = span
        region.limits.append(Limit(features, f"the {features} features of `{path}`", span))
        self.regions.append(region)
        return region, x.rank - 1

    def through(
        self, op: Op, number: int, place: Place, types: tuple[Any, ...], result: TensorType, span: Span
    ) -> Place | None:
        region, axis = place
        if types[number].shape[axis] == 1:
            return None
        after = op.shard(number, axis, types, result)
        if after is None:
            return None
        units = op.shards(number) or result.shape[after]
        if not isinstance(units, int):
            return None
        if units != types[number].shape[axis] or op.shards(number):
            region.top.limits.append(Limit(units, f"{units} heads" if op.shards(number) else f"{units} parts", span))
        return region, after

    def heads(self, typed: Typed) -> dict[str, int]:
        """Linear layers of the root that give one of its outputs."""
        found = {}
        for _, value in typed.graph.outputs:
            if value.node >= 0:
                for path in typed.nodes[value.node].node.paths:
                    if path in self.linears:
                        found[path] = self.linears[path]
        return found


def _mix(places: list[Place | None]) -> None:
    for place in places:
        if place is not None:
            place[0].top.mixed = True


def _join(one: Region, other: Region) -> None:
    one, other = one.top, other.top
    if one is other:
        return
    one.columns |= other.columns
    one.rows |= other.rows
    one.limits += other.limits
    one.mixed = one.mixed or other.mixed
    other.joined = one
