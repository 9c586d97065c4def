"""The steps of a typed graph, one by one: what two models are compared by."""

from __future__ import annotations

from typing import Any

from archspec.cost.totals import Types, each_call
from archspec.graph.context import freeze
from archspec.graph.ir import Value
from archspec.ops.base import Op
from archspec.shapes.typed import Typed, TypedNode


class Entry:
    """One turn of one node. `number`: its place among the entries of its graph; `path`: relative to the graph.

    `named`: the path was written, not made up from the op's name or an index. `reads`: for each input the entry that
    makes it and the number of the result, (-1, k) for input k of the graph; None for an absent one.
    """

    __slots__ = ("callee", "done", "inputs", "named", "number", "outputs", "path", "reads", "turn")

    def __init__(self, number: int, done: TypedNode, turn: int, call: tuple[Op | Typed, Types, Types]) -> None:
        self.number = number
        self.done = done
        self.turn = turn
        self.callee, self.inputs, self.outputs = call
        self.path = done.node.paths[turn]
        self.named = not done.node.auto
        self.reads: tuple[tuple[int, int] | None, ...] = ()

    @property
    def kind(self) -> str:
        """The op's name, the block's, `sequence` or `scan`."""
        if isinstance(self.callee, Op):
            return self.callee.name
        graph = self.callee.graph
        return graph.name if graph.kind == "block" else graph.kind

    @property
    def label(self) -> str:
        """What to call its value in words."""
        names = self.done.node.names
        return self.path or (names[0] if names and names[0] else self.kind)

    @property
    def inner(self) -> Typed | None:
        return self.callee if isinstance(self.callee, Typed) else None

    @property
    def shared(self) -> bool:
        """It calls the modules of an earlier item again."""
        return self.done.node.shared is not None


def entries(typed: Typed) -> list[Entry]:
    """All of a graph, in order."""
    out: list[Entry] = []
    last: list[int] = []  # of each node, the number of its last turn
    for done in typed.nodes:
        reads = tuple(None if value is None else _source(value, last) for value in done.node.inputs)
        for turn, call in enumerate(each_call(done)):
            entry = Entry(len(out), done, turn, call)
            entry.reads = ((len(out) - 1, 0), *reads[1:]) if turn else reads
            out.append(entry)
        last.append(len(out) - 1)
    return out


def _source(value: Value, last: list[int]) -> tuple[int, int]:
    return (-1, value.output) if value.node < 0 else (last[value.node], value.output)


class Signatures:
    """Numbers for what modules are: equal for those of the same ops, arguments, state and wiring, whatever their own
    names, where they stand, and the sizes that only pass through them."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._done: dict[int, int] = {}
        self._keep: list[Typed] = []  # so that an id stays that of one graph

    def of(self, callee: Op | Typed, inputs: Types) -> int:
        if isinstance(callee, Typed):
            return self._graph(callee)
        arguments = tuple(freeze(_plain(getattr(callee, name))) for name in callee.args)
        return self._number(("op", callee.name, arguments, callee.state(*inputs)))

    def _graph(self, typed: Typed) -> int:
        found = self._done.get(id(typed))
        if found is None:
            parts = tuple(
                (entry.path, entry.reads, self.of(entry.callee, entry.inputs), tuple(entry.done.node.tie.items()))
                for entry in entries(typed)
            )
            outputs = tuple(value for _, value in typed.graph.outputs)
            found = self._done[id(typed)] = self._number(("graph", len(typed.inputs), parts, outputs))
            self._keep.append(typed)
        return found

    def _number(self, key: Any) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


def arguments(op: Op) -> dict[str, Any]:
    """All arguments of an op, also those that take their default."""
    return {name: _plain(getattr(op, name)) for name in op.args}


def _plain(value: Any) -> Any:
    """Tuples and lists are one."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
