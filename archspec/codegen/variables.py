"""Which variable of `forward` holds which tensor, and how long."""

from __future__ import annotations

from collections import Counter

from archspec.codegen.names import Names, identifier
from archspec.codegen.plan import ClassPlan, Source

_POOL = ("x", "y", "z", "u", "v", "w")


class Pending:
    """An expression not yet written: it goes into the statement that reads it."""

    def __init__(self, text: str, depth: int) -> None:
        self.text = text
        self.depth = depth


class Variables:
    """A variable is free again as soon as its tensor has been read for the last time.

    Tensors that the spec reads by name, and not at once, are called as there; the others take the first of x, y, z, …
    that is free. `uses` and `last`: how often a value is read, and the last node that reads it.

    `around`: for a body written in place, the variables of the method it stands in; then `begin` says what its inputs
    are.
    """

    def __init__(self, plan: ClassPlan, around: Variables | None = None) -> None:
        self.plan = plan
        self.uses: Counter[Source] = Counter()
        self.last: dict[Source, int] = {}
        self._count()
        self._firm: set[Source] = set()  # called as they are wanted, however short they live
        self._wanted = self._named()
        names = {identifier(name) for name in self._wanted.values()}
        self._pool = [name for name in _POOL if name not in names]
        self._names = Names("self", *_POOL, *names)
        self._live: dict[str, Source] = {}
        self.where: dict[Source, str | Pending] = {}
        self.inputs: list[str] = []
        self._around = around
        if around is not None:
            return
        for number, given in enumerate(plan.graph.inputs):
            name = given.name if given.name in _POOL else self._names.new(identifier(given.name))
            self.inputs.append(name)
            self.hold((-1, number), name)

    def begin(self, slices: list[str], carried: list[str], captured: list[str]) -> None:
        """The variables of a body's inputs; those of the method around it that live on are left alone."""
        assert self._around is not None
        beyond = self._around.inputs if self._around._around is not None else []  # around a body that stands in a body
        self.inputs = [*beyond, *(name for name in self._around._live if name not in carried)]
        self._pool = [name for name in self._pool if name not in self._around._live and name not in beyond]
        self._names.taken |= self._around._names.taken
        for number, name in enumerate([*slices, *carried]):
            self.hold((-1, number), name)
        for number, text in enumerate(captured, len(slices) + len(carried)):
            self.where[(-1, number)] = text

    def adopt(self, body: Variables) -> None:
        """After a body written in place: what it used is not to be had for a fresh name."""
        self._names.taken |= body._names.taken

    def carry(self, value: Source, sources: list[Source | None], slot: int, wanted: str) -> str:
        """The variable that a loop carries from step to step; `value` is what it is afterwards."""
        source, name = sources[slot], identifier(wanted)
        assert source is not None
        own = self.where[source] == name and self.last[source] <= value[0] and sources.count(source) == 1
        if not own and (name in self._live or name in self.inputs):
            name = self._names.new(name)
        self._names.taken.add(name)
        self.hold(value, name)
        return name

    def part_of(self, wanted: str) -> str:
        """A name for the slices of a value that is called `wanted` in the body."""
        name = identifier(wanted)
        return self._names.new(f"{name}_t" if name in self._names.taken else name)

    def _count(self) -> None:
        for number, aligned in enumerate(self.plan.nodes):
            for source in aligned.sources if aligned.node.forward else ():
                if source is not None:
                    self.uses[source] += 1
                    self.last[source] = number
        for source in self.plan.outputs:
            self.uses[source] += 1
            self.last[source] = len(self.plan.nodes)

    def _named(self) -> dict[Source, str]:
        """Values that the spec reads by name, with it."""
        read = {
            source
            for aligned in self.plan.nodes
            if aligned.node.forward
            for source, span in zip(aligned.sources, aligned.node.input_spans, strict=False)
            if span is not None
        }
        out = {
            (number, output): name
            for number, aligned in enumerate(self.plan.nodes)
            for output, name in enumerate(aligned.node.names)
            if name and "." not in name and (number, output) in read
        }
        for aligned in self.plan.nodes:  # what a loop begins with is called as it is carried
            scan = aligned.node.scan
            for slot in range(scan.over, scan.over + scan.carry) if scan is not None else ():
                source = aligned.sources[slot]
                if source is not None and source[0] >= 0 and self.uses[source] == 1:
                    out[source] = aligned.first.node.calls[0].inputs[slot].name  # type: ignore[union-attr]
                    self._firm.add(source)
        graph = self.plan.graph
        if graph.kind == "scan":
            for (name, _), source in zip(graph.outputs, self.plan.outputs, strict=True):
                if source[0] >= 0 and any(given.name == name for given in graph.inputs):
                    out[source] = name
                    self._firm.add(source)
        return out

    def fresh(self, wanted: str) -> str:
        """A name for something that is no value of the spec."""
        return self._names.new(wanted)

    def text(self, source: Source) -> str:
        """The variable, or the expression not yet written."""
        held = self.where[source]
        return held.text if isinstance(held, Pending) else held

    def depth(self, source: Source) -> int:
        """How deeply the text is nested."""
        held = self.where[source]
        return held.depth if isinstance(held, Pending) else 0

    def hold(self, value: Source, name: str) -> None:
        self.where[value] = name
        self._live[name] = value

    def still_read(self, sources: list[Source | None]) -> None:
        """A loop that has its target goes on reading these."""
        for source in sources:
            held = self.where[source] if source is not None else None
            if isinstance(held, str) and held.isidentifier() and source is not None:
                self._live.setdefault(held, source)

    def rename(self, value: Source, source: Source) -> None:
        """`value` is `source` by another name: they live as one."""
        text = self.where[value] = self.where[source]
        end = max(self.last.get(source, -1), self.last.get(value, -1))
        self.last[source] = self.last[value] = end
        if isinstance(text, str):
            self._live[text] = value

    def target(self, value: Source, avoid: tuple[str, ...] = ()) -> str:
        """The variable that a result goes to. `avoid`: those that a loop goes on reading."""
        name = self._choose(value, avoid)
        self.hold(value, name)
        return name

    def _choose(self, value: Source, avoid: tuple[str, ...]) -> str:
        self.forget(value[0])
        wanted = self._wanted.get(value)
        lasting = self.uses[value] > 1 or self.last.get(value, 0) > value[0] + 1 or value in self._firm
        if wanted and (lasting or len(self.plan.nodes[value[0]].first.outputs) > 1):
            name = identifier(wanted)
            if name in self._live or name in self._pool or name in self.inputs or name in avoid:
                name = self._names.new(name)
            return name
        for name in self._pool:
            if name not in self._live and name not in avoid:
                return name
        return self._names.new("x")

    def forget(self, number: int) -> None:
        """Free the variables whose tensors node `number` was the last to read."""
        for name, source in list(self._live.items()):
            if self.last.get(source, -1) <= number and source[0] <= number:
                del self._live[name]

    def dead(self, number: int) -> list[str]:
        """Named variables that hold a tensor nothing reads after node `number`, and that nothing will take over."""
        kept = {*self._pool, *self.inputs}
        return [
            name
            for name, source in self._live.items()
            if name not in kept and self.last.get(source, -1) <= number and source[0] <= number and self.uses[source]
        ]
