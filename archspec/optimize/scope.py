"""One graph without what it can do without: values are renamed first, and nodes that nobody reads go last."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from archspec.graph.ir import OpCall, Value
from archspec.ops.base import Op
from archspec.ops.conv import Conv1d, Conv2d, Conv3d
from archspec.ops.linear import Linear
from archspec.ops.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from archspec.shapes.typed import Typed, TypedNode

_NORMED = {Conv1d: BatchNorm1d, Conv2d: BatchNorm2d, Conv3d: BatchNorm3d, Linear: BatchNorm1d}
_IDLE = "archspec.ops.dropout"  # the family of ops that do nothing in evaluation
_RANDOM = "archspec.ops.noise"
_PLAIN = {"weight", "bias"}


class Done(NamedTuple):
    """The graph that is left, and paths inside it: (layer, batch norm, its op, had the layer a bias?), what does
    nothing, what is there twice, what nobody reads."""

    typed: Typed
    folds: tuple[tuple[str, str, Any, bool], ...]
    idle: tuple[str, ...]
    repeated: tuple[str, ...]
    dead: tuple[str, ...]


class Scope:
    """The nodes of one graph while they change. `held`: node numbers whose modules others refer to."""

    def __init__(self, typed: Typed, calls: dict[int, list[Op | Typed]], tied: set[str]) -> None:
        """`calls`: of nodes that call graphs, these graphs optimised. `tied`: paths that a tie leads to, anywhere."""
        self.typed = typed
        self.calls = calls
        self.held = {done.node.shared for done in typed.nodes if done.node.shared is not None}
        self.held |= {k for k, done in enumerate(typed.nodes) if done.node.tie or _touched(done, tied)}
        self.renamed: dict[Value, Value] = {}
        self.ops: dict[int, Op] = {}  # of nodes whose op is another now
        self.folds: list[tuple[str, str, Any, bool]] = []
        self.idle: list[int] = []
        self.repeated: list[int] = []

    def run(self) -> Done:
        for number, done in enumerate(self.typed.nodes):
            if self._is_idle(number, done):
                self.renamed[Value(number)] = self._now(done.node.inputs[0])
                self.idle.append(number)
        self._fold()
        self._common()
        return self._left()

    def _now(self, value: Value | None) -> Any:
        while value in self.renamed:
            value = self.renamed[value]
        return value

    def _lone(self, number: int) -> Op | None:
        """The op of a node that is one plain call of it, whose modules are its own."""
        done = self.typed.nodes[number]
        node = done.node
        special = node.repeated or node.scan is not None or node.join is not None or node.buffer is not None
        if special or not node.forward or node.shared is not None or len(done.calls) != 1 or number in self.held:
            return None
        op = done.calls[0]
        return op if isinstance(op, Op) else None

    def _is_idle(self, number: int, done: TypedNode) -> bool:
        op = self._lone(number)
        if op is None or len(done.outputs) != 1 or not done.node.inputs or done.node.inputs[0] is None:
            return False
        return type(op).__module__ == _IDLE or op.name == "identity"

    def _fold(self) -> None:
        """Batch norms into the layers before them, where nothing else reads those."""
        readers: dict[Value, int] = {}
        for done in self.typed.nodes:
            for value in {self._now(value) for value in done.node.inputs if value is not None}:
                readers[value] = readers.get(value, 0) + 1
        for number in self.idle:  # they read no more
            source = self._now(self.typed.nodes[number].node.inputs[0])
            readers[source] -= 1
        for _, value in self.typed.graph.outputs:
            readers[self._now(value)] = readers.get(self._now(value), 0) + 1
        for number, done in enumerate(self.typed.nodes):
            norm = self._lone(number)
            source = self._now(done.node.inputs[0]) if done.node.inputs else None
            if norm is None or source is None or source.node < 0 or readers[source] != 1:
                continue
            layer = self._lone(source.node)
            if layer is None or _NORMED.get(type(layer)) is not type(norm) or not getattr(norm, "track_running_stats"):  # noqa: B009
                continue
            given = self.typed.nodes[source.node].call_inputs[0]
            names = {state.name for state in layer.state(*given)}
            if not names <= _PLAIN or (isinstance(layer, Linear) and done.inputs[0].rank != 2):
                continue
            into = self.typed.nodes[source.node].node.paths[0]
            self.folds.append((into, done.node.paths[0], norm, "bias" in names))
            self.ops[source.node] = _with_bias(layer)
            self.renamed[Value(number)] = source

    def _common(self) -> None:
        """Ops without parameters that read what an equal one has read."""
        known: dict[Any, int] = {}
        for number, done in enumerate(self.typed.nodes):
            op = self._lone(number)
            if op is None or number in self.idle or Value(number) in self.renamed:
                continue
            given = done.call_inputs[0]
            if type(op).__module__ == _RANDOM or op.attribute != "module" or op.state(*given):
                continue
            values = tuple((name, repr(getattr(op, name))) for name in op.args)
            key = (type(op), values, tuple(self._now(value) for value in done.node.inputs), repr(done.outputs))
            first = known.setdefault(key, number)
            if first != number:
                self.repeated.append(number)
                for output in range(len(done.outputs)):
                    self.renamed[Value(number, output)] = Value(first, output)

    def _left(self) -> Done:
        typed = self.typed
        outputs = [(name, self._now(value)) for name, value in typed.graph.outputs]
        live = {value.node for _, value in outputs if value.node >= 0} | set(self.held)
        for number in range(len(typed.nodes) - 1, -1, -1):
            if number in live:
                for value in typed.nodes[number].node.inputs:
                    if value is not None and (now := self._now(value)).node >= 0:
                        live.add(now.node)
        if not live or (live == set(range(len(typed.nodes))) and not self.ops and not self.calls):
            return Done(typed, (), (), (), ())
        at = {number: k for k, number in enumerate(sorted(live))}

        def moved(value: Value | None) -> Value | None:
            now = self._now(value)
            return now if now is None or now.node < 0 else Value(at[now.node], now.output)

        nodes = [self._copy(number, moved, at) for number in sorted(live)]
        graph = replace(
            typed.graph,
            nodes=[done.node for done in nodes],
            outputs=[(name, moved(value)) for name, value in outputs],  # type: ignore[misc]
        )
        left = Typed(graph, typed.inputs)
        left.nodes, left.outputs, left.params = nodes, typed.outputs, typed.params
        gone = set(range(len(typed.nodes))) - live
        told = set(self.idle) | set(self.repeated) | {v.node for v in self.renamed}
        idle, repeated, dead = map(self._paths, (self.idle, self.repeated, gone - told))
        return Done(left, tuple(self.folds), idle, repeated, dead)

    def _paths(self, numbers: Any) -> tuple[str, ...]:
        return tuple(self.typed.nodes[number].node.paths[0] for number in sorted(numbers))

    def _copy(self, number: int, moved: Any, at: dict[int, int]) -> TypedNode:
        done = self.typed.nodes[number]
        node = done.node
        shared = None if node.shared is None else at[node.shared]
        calls = node.calls
        if number in self.ops:
            op = self.ops[number]
            calls = [OpCall(type(op), {name: getattr(op, name) for name in op.args}, op)]
        copy = TypedNode(replace(node, inputs=tuple(map(moved, node.inputs)), shared=shared, calls=calls), done.inputs)
        copy.calls = [self.ops[number]] if number in self.ops else self.calls.get(number, done.calls)
        copy.call_inputs, copy.outputs, copy.steps = done.call_inputs, done.outputs, done.steps
        copy.results, copy.merge, copy.rows = done.results, done.merge, done.rows
        return copy


def _with_bias(layer: Op) -> Op:
    made = type(layer).__new__(type(layer))
    vars(made).update({key: value for key, value in vars(layer).items() if key != "known"}, bias=True)
    return made


def _touched(done: TypedNode, tied: set[str]) -> bool:
    """May a tie lead into one of its modules? (By the end of the path, as a tie may be of a graph further out.)"""
    return any(f".{path}." in f".{target}." for path in done.node.paths if path for target in tied)
