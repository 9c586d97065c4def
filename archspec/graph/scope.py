"""A graph under construction (`Builder`) and the names that one of its lists can read (`Scope`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from archspec.diagnostics.model import Label, Span
from archspec.graph.context import Context
from archspec.graph.ir import Graph, GraphInput, Node, Value
from archspec.graph.names import Plan, Position
from archspec.graph.namespace import Namespace, clash
from archspec.reading.nodes import Sequence


class Absent(NamedTuple):
    """No value: the item was left out by `when` and read nothing that could take its place."""

    span: Span
    why: str = "its `when` is false and it reads nothing"
    how: str = "that was left out"
    help: str | None = None


class Binding(NamedTuple):
    """What a name stands for. `turns`: for a repeat, the numbers of the turns that are there.

    `step` is the number of the node whose modules `use` calls again; None where the name is not an item's own.
    """

    value: Value | Absent
    span: Span
    step: int | None = None
    turns: tuple[int, ...] | range | None = None
    turn_inputs: Value | Absent | None = None  # what the first turn reads
    unknown: bool = False  # the item is in error: whatever is read of it is unknown too
    misnamed: bool = False  # its name is refused: names near it may well mean it
    tap: int | None = None  # the value is that after turn number `tap` of a repeat
    left_out: bool = False  # by `when`: another item of the list may have the name, and then is meant


class Builder:
    """Collects the nodes of one `Graph`."""

    def __init__(self, kind: str, name: str, template: Any, plan: Plan, span: Span, outer: Scope | None = None) -> None:
        self.kind = kind
        self.name = name
        self.template = template
        self.plan = plan
        self.span = span
        self.outer = outer  # the list in which a nested graph stands: its names can be read
        self.inputs: list[GraphInput] = []
        self.nodes: list[Node] = []
        self.captured: dict[Value, int] = {}  # value of the outer graph → number of the input that brings it in
        self.ties: dict[str, tuple[str, Span]] = {}  # for the enclosing block or root: path in this graph → target
        self.taps: dict[int, set[int]] = {}  # repeated node → turns whose value is read
        self.fed: dict[
            int, list[tuple[Value | None, ...]]
        ] = {}  # repeated node → what each turn reads, where it differs
        self._namespace = Namespace()

    def claim(self, ctx: Context, path: str, span: Span, *, bare: bool = False, hides: str | None = None) -> bool:
        """Take a module path (see Namespace.take); an error if it is another's, or inside another's.

        `hides`: the turn that the name goes by, where it is the item's own and hides that of a repeat around.
        """
        other = self._namespace.take(path, span, bare=bare)
        if other is None:
            return True
        again = span == other[1]  # the item is made by several turns of a repeat
        help = "let its name go by the turn, as `$i` does" if again else None
        if again and hides is not None:
            help = (
                f"`${hides}` is the turn of the item's own `repeat`: let what the one around goes through have a name, "
                "as in `repeat: {each: $(range(3)), as: stage}`"
            )
        first = [Label(other[1], "first here")]
        ctx.error("AS207", span, clash(path, other[0]), label="again here", secondary=first, help=help)
        return False

    def add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def feed(self, number: int, turns: list[tuple[Value | None, ...]]) -> None:
        """Have each turn of a repeated node read values of its own besides what is handed on."""
        self.fed[number] = turns
        self.taps.setdefault(number, set()).update(range(len(turns) - 1))

    def capture(self, value: Value, name: str, span: Span) -> Value:
        """Bring a value of the graph around into this one, as one more input."""
        number = self.captured.get(value)
        if number is None:
            taken = {given.name for given in self.inputs}
            base = name.replace(".", "_")
            unique, count = base, 0
            while unique in taken:
                count += 1
                unique = f"{base}_{count}"
            number = self.captured[value] = len(self.inputs)
            self.inputs.append(GraphInput(unique, span))
        return Value(-1, number)

    def captured_inputs(self, fed: int) -> tuple[Value, ...]:
        """Values of the graph around behind the inputs from number `fed` on."""
        found = sorted((number, value) for value, number in self.captured.items() if number >= fed)
        return tuple(value for _, value in found)

    def share_paths(self, other: Builder) -> None:
        """The modules of this graph are the other's own: one namespace."""
        self._namespace = other._namespace

    def finish(self, outputs: list[tuple[str, Value]], **more: Any) -> Graph:
        nodes = self.nodes
        if self.taps:
            nodes, outputs = _split_repeats(nodes, outputs, self.taps, self.fed)
        return Graph(
            self.kind, self.name, self.template, more.pop("params", {}), self.inputs, nodes, outputs, self.span, **more
        )


class Scope:
    """One list being walked: its own names so far, then those of the lists around it.

    `turn_of`: where it is a turn of a repeat whose modules are the list's around, what that repeat binds.
    """

    __slots__ = ("builder", "current", "env", "items", "names", "parent", "position", "turn_of", "unspelt")

    def __init__(
        self,
        builder: Builder,
        items: Sequence,
        position: Position,
        env: dict[str, Any],
        parent: Scope | None = None,
        turn_of: frozenset[str] = frozenset(),
    ) -> None:
        self.builder = builder
        self.items = items
        self.position = position
        self.env = env
        self.parent = parent
        self.turn_of = turn_of
        self.names: dict[str, Binding] = {}
        self.unspelt: list[str] = []  # names of items in error that hold expressions, and cannot be worked out
        self.current = 0  # index of the item being elaborated

    def bind(self, ctx: Context, name: str, binding: Binding, *, quiet: bool = False) -> None:
        """Name a value; an error if the list has that name already (unless it is reported, or one of both left out)."""
        other = self.names.get(name)
        if other is not None and binding.left_out:
            return
        again = ctx.diagnostics.has_errors and other is not None and other.span == binding.span  # of an item in error
        if other is not None and not other.left_out and not quiet and not again:
            ctx.error(
                "AS207",
                binding.span,
                f"`{name}` is already the name of another value of this list",
                label="again here",
                secondary=[Label(other.span, "first here")],
            )
        self.names[name] = binding

    def find(self, name: str) -> tuple[Binding, Scope, int | None] | None:
        """The binding of a name, the list it is in, and the number of the turn (`h.3`) if it is one of a repeat's."""
        base, _, last = name.rpartition(".")
        turn = int(last) if base and last.isdecimal() and len(last) < 6 else None
        scope: Scope | None = self
        while scope is not None:
            found = scope.names.get(name)
            if found is not None:
                return found, scope, None
            if turn is not None:
                repeat = scope.names.get(base)
                if repeat is not None and (repeat.turns is not None or repeat.unknown):
                    return repeat, scope, turn
            scope = scope.parent
        return None

    def visible(self) -> list[str]:
        out: dict[str, None] = {}
        scope: Scope | None = self
        while scope is not None:
            out |= dict.fromkeys(scope.names)
            scope = scope.parent
        return list(out)

    def bring(self, value: Value, origin: Scope, name: str, span: Span) -> Value:
        """A value of the list `origin` as a value of this list's graph (captured through the graphs between)."""
        between: list[Builder] = []
        builder = self.builder
        while builder is not origin.builder:
            between.append(builder)
            assert builder.outer is not None
            builder = builder.outer.builder
        for inner in reversed(between):
            value = inner.capture(value, name, span)
        return value


def tap(builder: Builder, binding: Binding, turn: int) -> Value | Absent | None:
    """The value after one turn of a repeat; None if there is no such turn. (Found again by `Builder.finish`.)"""
    assert binding.turns is not None
    turns = binding.turns
    if not turns or not (0 <= turn <= turns[-1]):
        return None
    done = sum(1 for t in turns if t <= turn) if not isinstance(turns, range) else turn + 1
    if done == 0:
        return binding.turn_inputs
    if done == len(turns) or binding.step is None:
        return binding.value
    builder.taps.setdefault(binding.step, set()).add(done - 1)
    return Value(binding.step, -done)


def _split_repeats(
    nodes: list[Node],
    outputs: list[tuple[str, Value]],
    taps: dict[int, set[int]],
    fed: dict[int, list[tuple[Value | None, ...]]],
) -> tuple[list[Node], list[tuple[str, Value]]]:
    """Cut repeated nodes after each turn whose value is read, so that every value is the output of a node."""
    out: list[Node] = []
    where: dict[Value, Value] = {}
    start: dict[int, list[tuple[int, set[str]]]] = {}

    def moved(value: Value) -> Value:
        if value.node < 0:
            return value
        return where.get(value) or Value(start[value.node][-1][0], value.output)

    for number, node in enumerate(nodes):
        inputs = tuple(None if value is None else moved(value) for value in node.inputs)
        cuts = [*sorted(taps.get(number, ())), len(node.calls) - 1]
        begin = 0
        parts = []
        for cut in cuts:
            last = cut == cuts[-1]
            if number in fed and cut < len(fed[number]):
                own = tuple(None if value is None else moved(value) for value in fed[number][cut])
                inputs = (*inputs[: node.carry], *own[node.carry :], *inputs[len(own) :])
            paths = node.paths[begin : cut + 1] if node.calls else node.paths
            shared = node.shared
            if shared is not None:  # the part that makes the modules of this part, or what they are in
                makers = start[shared]
                around = {paths[0], *(paths[0][:at] for at, sign in enumerate(paths[0]) if sign == ".")}
                shared = next((at for at, made in makers if not around.isdisjoint(made)), makers[0][0])
            part = replace(
                node,
                calls=node.calls[begin : cut + 1],
                paths=paths,
                inputs=inputs,
                names=node.names if last else (node.paths[cut],),
                shared=shared,
            )
            out.append(part)
            at = len(out) - 1
            parts.append((at, set(part.paths)))
            where[Value(number, -(cut + 1))] = Value(at, 0)
            inputs = (*(Value(at, k) for k in range(node.carry)), *inputs[node.carry :])
            begin = cut + 1
        start[number] = parts
    return out, [(name, moved(value)) for name, value in outputs]


__all__ = ["Absent", "Binding", "Builder", "Scope", "tap"]
