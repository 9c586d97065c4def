"""Which parameter begins how: the rules of `init`, the nearest first, and a graph in which every op knows its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from archspec.diagnostics.model import Diagnostics, Label, Span
from archspec.diagnostics.suggest import did_you_mean
from archspec.graph.initial import InitRule
from archspec.graph.ir import OpCall, joined
from archspec.ops.base import Op, State
from archspec.ops.initial import Init
from archspec.parameters.pattern import Pattern, PatternError
from archspec.parameters.selection import MOST_MATCHES
from archspec.parameters.table import MOST, Table, TooManyError
from archspec.shapes.typed import Typed, TypedNode

_SEEN = 2_000  # names kept for a message


class Around(NamedTuple):
    """Rules, and the module that their patterns count from: its path with the dot behind it."""

    rules: tuple[InitRule, ...]
    prefix: str


Choice = tuple[InitRule, Init]


def says(typed: Typed) -> bool:
    """Is there a rule anywhere in the graph?"""
    seen: set[int] = set()
    todo = [typed]
    while todo:
        graph = todo.pop()
        if id(graph) in seen:
            continue
        seen.add(id(graph))
        if graph.graph.init or any(done.node.init for done in graph.nodes):
            return True
        todo += [call for done in graph.nodes for call in done.calls if isinstance(call, Typed)]
    return False


def initialise(typed: Typed, table: Table, diagnostics: Diagnostics) -> Typed:
    """The same graph, in which `init` of every node says how its parameters begin; what no rule means begins as in
    PyTorch.

    Of rules that match one parameter the nearest counts: the item's own, then those of the block (or sequence) it
    stands in, those of the item that calls it, and so on to the spec's; of one mapping the last. A `parameter` with an
    `init` of its own keeps it. Reports AS701 for a rule that matches nothing, and AS704 for an initialiser that cannot
    fill what it matches. Raises TooManyError.
    """
    found = _Search(table, diagnostics)
    found.graph(typed, "", ())
    if found.report():
        return typed
    return _Marking(found.chosen(table)).graph(typed, "")[0]


class _Search:
    """Goes through all parameters by name."""

    def __init__(self, table: Table, diagnostics: Diagnostics) -> None:
        self.diagnostics = diagnostics
        self.rules: dict[Span, InitRule] = {}
        self.matched: set[Span] = set()
        self.inside: dict[Span, list[str]] = {}  # names that a rule could have meant
        self.found: dict[str, tuple[Choice, State]] = {}
        self.patterns: dict[str, Pattern | None] = {}
        self.first = {name: entry.first for name, entry in table.entries.items()}
        self.work = 0

    def graph(self, typed: Typed, prefix: str, around: tuple[Around, ...]) -> None:
        around = self.within(typed.graph.init, prefix, around)
        for done in typed.nodes:
            if done.node.shared is not None:
                continue
            for turn, (path, callee) in enumerate(zip(done.node.paths, done.calls, strict=True)):
                own = prefix + path
                inner = joined(own, "") if path else prefix
                rules = done.node.init[turn] if done.node.init else ()
                here = self.within(rules, inner, around)
                if isinstance(callee, Typed):
                    self.graph(callee, inner, here)
                else:
                    self.op(callee, done, turn, own, here)

    def within(self, rules: tuple[InitRule, ...], prefix: str, around: tuple[Around, ...]) -> tuple[Around, ...]:
        if not rules:
            return around
        for rule in rules:
            self.rules.setdefault(rule.span, rule)
        return (Around(rules, prefix), *around)

    def op(self, op: Op, done: TypedNode, turn: int, own: str, around: tuple[Around, ...]) -> None:
        if not around:
            return
        call = done.node.calls[turn]
        written = op.attribute == "parameter" and isinstance(call, OpCall) and "init" in call.values
        for state in op.state(*done.call_inputs[turn]):
            name = joined(own, state.name) if state.name else own
            if state.parameter and state.persistent:
                choice = self.choice(op, state, name, around)
                if choice is not None and not written:
                    self.found[name] = choice, state

    def choice(self, op: Op, state: State, name: str, around: tuple[Around, ...]) -> Choice | None:
        chosen: Choice | None = None
        for each in around:
            relative = name[len(each.prefix) :]
            for rule in reversed(each.rules):
                self.work += 1
                if self.work > MOST_MATCHES:
                    raise TooManyError(f"more than {MOST_MATCHES:,} parameters times rules of `init`")
                if rule.op is not None:
                    meant, seen = rule.op == op.name, state.name
                else:
                    meant, seen = True, joined(rule.beside, relative) if relative else rule.beside
                if meant and len(known := self.inside.setdefault(rule.span, [])) < _SEEN:
                    known.append(seen)
                pattern = self.pattern(rule)
                if meant and pattern is not None and pattern.matches(seen):
                    self.matched.add(rule.span)
                    chosen = chosen or (rule, rule.init)
        return chosen

    def pattern(self, rule: InitRule) -> Pattern | None:
        if rule.pattern not in self.patterns:
            try:
                self.patterns[rule.pattern] = Pattern(rule.pattern)
            except PatternError as wrong:
                self.diagnostics.error("AS205", rule.span, f"`init`: {wrong}")
                self.matched.add(rule.span)
                self.patterns[rule.pattern] = None
        return self.patterns[rule.pattern]

    def report(self) -> bool:
        """Say what is wrong; was there anything?"""
        before = len(self.diagnostics)
        for span, rule in self.rules.items():
            if span not in self.matched and self.pattern(rule) is not None:
                self.unmatched(span, rule)
        told: set[Span] = set()
        for name, ((rule, init), state) in self.found.items():
            why = init.refuses(state.shape, state.dtype)
            if why is not None and rule.value_span not in told:
                told.add(rule.value_span)
                what = f"`{init.name}` cannot fill `{name}` {state.dtype}{list(state.shape)}: {why}"
                help = "a narrower pattern, or a rule for an op: `init: {linear: {weight: …}}`"
                self.diagnostics.error(
                    "AS704", rule.value_span, what, help=help, secondary=[Label(rule.span, "matches it")]
                )
        return len(self.diagnostics) > before

    def unmatched(self, span: Span, rule: InitRule) -> None:
        names = list(dict.fromkeys(self.inside.get(span, ())))
        listed = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
        if rule.op is not None and not names:
            self.diagnostics.error("AS701", span, f"there is no `{rule.op}` here with parameters")
            return
        parts = names if rule.op is not None else [part for name in names for part in name.split(".")]
        last = rule.pattern.rpartition(".")[2]
        help = did_you_mean(last, dict.fromkeys(parts)) or (f"there are {listed}" if names else None)
        where = f" of `{rule.op}`" if rule.op is not None else ""
        self.diagnostics.error("AS701", span, f"no parameter{where} matches `{rule.pattern}`", help=help)

    def chosen(self, table: Table) -> dict[str, Init]:
        """{name: how it begins}, a tied tensor by the name it has where it is made."""
        out: dict[str, Init] = {}
        for first, names in table.names.items():
            rule = next((self.found[name][0][1] for name in (first, *names) if name in self.found), None)
            if rule is not None:
                out[first] = rule
        return out


Key = tuple[Any, ...]


class _Marking:
    """Copies the graphs in which something begins otherwise; equal ones stay one."""

    def __init__(self, chosen: dict[str, Init]) -> None:
        self.chosen = chosen
        self._made: dict[Key, Typed] = {}
        self._count = 0

    def graph(self, typed: Typed, prefix: str) -> tuple[Typed, Key]:
        """The graph for this place, and what it is told by."""
        self._count += 1
        if self._count > MOST:
            raise TooManyError(f"a model of more than {MOST:,} modules")
        nodes = [self.node(done, prefix) for done in typed.nodes]
        if all(key is None for _, key in nodes):
            return typed, (id(typed),)
        whole = (id(typed), *(key for _, key in nodes))
        if whole not in self._made:
            copy = Typed(typed.graph, typed.inputs)
            copy.nodes = [done for done, _ in nodes]
            copy.outputs, copy.params = typed.outputs, typed.params
            self._made[whole] = copy
        return self._made[whole], whole

    def node(self, done: TypedNode, prefix: str) -> tuple[TypedNode, Key | None]:
        calls: list[Op | Typed] = []
        init: list[dict[str, Init]] = []
        key: list[Any] = []
        for path, callee, inputs in zip(done.node.paths, done.calls, done.call_inputs, strict=True):
            own = prefix + path
            if isinstance(callee, Typed):
                inner, told = self.graph(callee, f"{own}." if path else prefix)
                calls.append(inner)
                init.append({})
                key.append(None if inner is callee else told)
            else:
                begins = dict(self._of(callee, inputs, own)) if done.node.shared is None else {}
                calls.append(callee)
                init.append(begins)
                key.append(tuple((name, each.name, repr(each.args)) for name, each in begins.items()) or None)
        if all(part is None for part in key):
            return done, None
        copy = done.copy(done.node, calls)
        copy.init = init
        return copy, tuple(key)

    def _of(self, op: Op, inputs: tuple[Any, ...], own: str) -> Iterator[tuple[str, Init]]:
        for state in op.state(*inputs):
            found = self.chosen.get(joined(own, state.name) if state.name else own)
            if found is not None and state.parameter:
                yield state.name, found
