"""Text of constructor expressions: torch modules, our classes, chains, loops over turns."""

from __future__ import annotations

import re
from typing import Any

from archspec.codegen.names import Names, identifier
from archspec.codegen.parameters import Parameters, default_matches
from archspec.codegen.printer import print_expr, quoted
from archspec.codegen.sizes import SizeText
from archspec.codegen.tree import (
    MISSING,
    Chain,
    Child,
    Computed,
    Counted,
    Either,
    First,
    Given,
    Local,
    Loop,
    New,
    Steps,
    Var,
    holds,
    leaves,
    parts,
)
from archspec.codegen.written import python
from archspec.ops.expr import Binary, Call, Method

_FORMULA = 60  # characters of a formula whose value a method is called of
_NUMBERED = re.compile(r"(.*?)(0|[1-9][0-9]*)\Z")


class Construct:
    """Prints constructor expressions of one class."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self._loop: dict[int, str] = {}
        self._locals: dict[str, str] = {}
        self._at: int | None = None  # the turn that is written, where each is on its own

    def computed(self, expr: Computed) -> tuple[list[str], str]:
        """The statements that compute a tensor, and the expression that it is then."""
        names = Names("self", *self.parameters.names())
        self._locals = {name: names.new(name) for own, _ in expr.steps for name in own}
        lines: list[str] = []
        for own, value in expr.steps:
            lines += self._assigned(", ".join(self._locals[name] for name in own), value)
        if self._parts(expr.result):
            made = names.new("made")
            *before, last = self._assigned(made, expr.result)
            return [*lines, *before], last.removeprefix(f"{made} = ")
        return lines, self.text(expr.result)

    def _assigned(self, target: str, value: Any) -> list[str]:
        if not self._parts(value):
            return [f"{target} = {self.text(value)}"]
        self._locals[target] = target
        rest = Method(Local(target), value.name, *value.args, **value.kwargs)
        return [*self._assigned(target, value.of), f"{target} = {self.text(rest)}"]

    def _parts(self, value: Any) -> bool:
        """Is it better two statements: a long formula, and a method of its value?"""
        return isinstance(value, Method) and isinstance(value.of, Binary) and len(self.text(value)) > _FORMULA

    def text(self, expr: Any) -> str:
        return print_expr(expr, (), "", self.leaf)

    def leaf(self, expr: Any) -> str | None:
        if expr is MISSING:  # a turn that has no use for it
            return "None"
        if isinstance(expr, Var):
            return self.parameters.text(expr)
        if isinstance(expr, Given):
            return self.parameters.given(expr) or print_expr(expr.value)
        if isinstance(expr, Loop) or (isinstance(expr, Steps) and id(expr) in self._loop):
            return self._loop[id(expr)]
        if isinstance(expr, Steps):
            return self._steps(expr)
        if isinstance(expr, First):
            return self._first(expr)
        if isinstance(expr, Either):
            return f"{self.text(expr.expr)} if {self.text(expr.present)} else nn.Identity()"
        if isinstance(expr, Local):
            return self._locals.get(expr.name, expr.name)
        if isinstance(expr, New):
            return self._new(expr)
        if isinstance(expr, Chain):
            return self._chain(expr)
        if isinstance(expr, SizeText):
            raise ValueError("a module cannot be built from a size known only when the model runs")
        return None

    def _new(self, new: New) -> str:
        parts = []
        arguments = new.plan.arguments
        positional = True
        for argument in arguments:
            value = new.values[argument.name]
            if isinstance(value, Given) and self.parameters.given(value) is None:
                value = value.value
            if default_matches(argument, value):
                positional = False
                continue
            text = self.text(value)
            if argument.inferred and positional:
                parts.append(text)
            else:
                positional = False
                parts.append(f"{argument.name}={text}")
        return f"{new.plan.name}({', '.join(parts)})"

    def _chain(self, chain: Chain) -> str:
        # What fills a gap passes a value on: in a list whose modules read several nothing can.
        children = _without_gaps(chain.children) if chain.fn == "nn.Sequential" else chain.children
        names = [name for child in children for name in child.names]
        numbered = names == [str(i) for i in range(len(names))]
        open_count = any(isinstance(child.count, Var) for child in children)
        if numbered or (open_count and len(children) == 1 and names[0] == "0"):
            inside = ", ".join(self._child(child) for child in children)
            if chain.fn == "nn.Sequential":
                return f"nn.Sequential({inside})"
            if len(children) == 1 and inside.startswith("*["):
                return f"nn.ModuleList({inside[1:]})"
            return f"nn.ModuleList([{inside}])"
        pairs = ", ".join(self._named(child) for child in chain.children)
        if chain.fn == "nn.Sequential":
            if len(chain.children) == 1 and pairs.startswith("*["):
                return f"nn.Sequential(OrderedDict({pairs[1:]}))"
            return f"nn.Sequential(OrderedDict([{pairs}]))"
        if len(chain.children) == 1 and pairs.startswith("*["):
            return f"nn.ModuleDict({pairs[1:]})"
        return f"nn.ModuleDict([{pairs}])"

    def _child(self, child: Child) -> str:
        if isinstance(child.expr, Counted):
            if _is_pair(child.expr):
                return f"{self._turn(child.expr, 0)}, {self._turn(child.expr, 1)}"
            return f"*[{self._looped(child.expr, None)}]"
        if child.count == 1 and not isinstance(child.count, Var):
            return self.text(child.expr)
        return f"*[{self.text(child.expr)} for _ in range({self.text(child.count)})]"

    def _named(self, child: Child) -> str:
        if isinstance(child.expr, Counted):
            name = _pattern(child.names)
            if name is not None and not _is_pair(child.expr):
                return f"*[{self._looped(child.expr, name)}]"
            return ", ".join(f"({quoted(n)}, {self._turn(child.expr, t)})" for t, n in enumerate(child.names))
        if child.count == 1:
            return f"({quoted(child.names[0])}, {self.text(child.expr)})"
        name = _pattern(child.names)
        one = self.text(child.expr)
        if name is None:
            return ", ".join(f"({quoted(n)}, {one})" for n in child.names)
        return f"*[({name}, {one}) for i in range({self.text(child.count)})]"

    def _turn(self, counted: Counted, turn: int) -> str:
        for loop in _loops(counted.expr):
            told = any(isinstance(value, Var) for value in loop.env.values())  # is the rule one of arguments?
            rule = self._rule(loop, str(turn)) if told else None
            self._loop[id(loop)] = rule or self.text(loop.values[turn])
        self._at = turn
        text = self.text(counted.expr)
        self._at = None
        return text

    def _first(self, found: First) -> str:
        """`2 if i == 0 else 1`."""
        if self._at is not None:
            return self.text(found.rest if self._at else found.value)
        written = self._rule(found.loop, "i") if found.loop is not None else None
        if written is not None:
            return written
        if (found.value, found.rest) in ((True, False), (False, True)) and isinstance(found.rest, bool):
            return "i > 0" if found.rest else "i == 0"
        if found.two and type(found.value) is int and type(found.rest) is int:
            return self._steps(Steps(found.value, found.rest - found.value))
        first, rest = self.text(found.value), self.text(found.rest)
        return first if first == rest else f"{first} if i == 0 else {rest}"

    def _steps(self, steps: Steps) -> str:
        """`64 + 32 * i`."""
        if self._at is not None:
            if isinstance(steps.start, int) and isinstance(steps.step, int):
                return str(steps.start + self._at * steps.step)
            return f"{self.text(steps.start)} + {self._at} * {self.text(steps.step)}"
        if steps.step == 0:
            return self.text(steps.start)
        down = isinstance(steps.step, int) and steps.step < 0
        step = self.text(-steps.step if down else steps.step)
        times = "i" if step == "1" else f"{step} * i"
        if steps.start == 0 and not down:
            return times
        return f"{self.text(steps.start)} {'-' if down else '+'} {times}"

    def _rule(self, loop: Loop, turn: str) -> str | None:
        """The expression that it is written as, for one turn or for `i`."""
        if loop.source is None:
            return None
        texts = {name: self.parameters.text(value) for name, value in loop.env.items() if isinstance(value, Var)}
        constants = {name: value for name, value in loop.env.items() if not isinstance(value, Var)}
        return python(loop.source, {"i": turn, **texts}, constants, loop.values, {"i": int})

    def _looped(self, counted: Counted, name: str | None) -> str:
        """`Block(64 + 32 * i) for i in range(6)`, or over a table where no rule is seen."""
        names = Names("i", *self.parameters.names())
        tables: dict[str, tuple[Any, ...]] = {}  # variables, with their values by turn
        uses_i = (name is not None and "{i" in name) or holds(counted.expr, First)
        unruled: list[Loop | Steps] = []
        for loop in _loops(counted.expr):
            rule = self._rule(loop, "i")
            if rule is None:
                unruled.append(loop)
            else:
                self._loop[id(loop)] = rule
                uses_i = True
        steps = _steps(counted.expr)
        tabled = [s for s in steps if unruled and isinstance(s.start, int) and isinstance(s.step, int)]
        uses_i |= len(tabled) < len(steps)
        for part in (*unruled, *tabled):  # where a table is needed, what merely happens to grow evenly goes into it
            values = (
                part.values
                if isinstance(part, Loop)
                else tuple(part.start + part.step * t for t in range(counted.count))
            )
            found = next((name for name, known in tables.items() if known == values), None)
            if found is None:
                found = names.new(identifier(part.hint or "value"))
                tables[found] = values
            self._loop[id(part)] = found
        one = self.text(counted.expr)
        if name is not None:
            one = f"({name}, {one})"
        if not tables:
            return f"{one} for {'i' if uses_i else '_'} in range({self.text(counted.count)})"
        variables = ", ".join(tables)
        if len(tables) == 1:
            (values,) = tables.values()
            rows = ", ".join(self.text(v) for v in values)
        else:
            rows = ", ".join(f"({', '.join(self.text(v) for v in row)})" for row in zip(*tables.values(), strict=True))
        if uses_i:
            variables = f"i, ({variables})" if len(tables) > 1 else f"i, {variables}"
            return f"{one} for {variables} in enumerate([{rows}])"
        return f"{one} for {variables} in [{rows}]"


def _is_pair(counted: Counted) -> bool:
    """Two turns that differ in something which no rule is known for: better written one by one."""
    return counted.count == 2 and _unruled(counted.expr)


def _unruled(expr: Any) -> bool:
    found = isinstance(expr, First) and expr.two and expr.loop is None
    return found or any(_unruled(part) for part in parts(expr) or ())


def _without_gaps(children: list[Child]) -> list[Child]:
    """Children that are numbered, with `nn.Identity()` where an item is left out."""
    out: list[Child] = []
    at = 0
    for child in children:
        if not child.names[0].isdecimal() or int(child.names[0]) < at:
            return children
        out += [Child([str(n)], Call("nn.Identity")) for n in range(at, int(child.names[0]))]
        out.append(child)
        at = int(child.names[-1]) + 1 if child.names[-1].isdecimal() else 0
    return out


def _loops(expr: Any) -> list[Loop]:
    return [leaf for leaf in leaves(expr) if isinstance(leaf, Loop)]


def _steps(expr: Any) -> list[Steps]:
    return [expr] if isinstance(expr, Steps) else [found for part in parts(expr) or () for found in _steps(part)]


def _pattern(names: list[str]) -> str | None:
    """An f-string over `i` for names that count up."""
    found = [_NUMBERED.match(name) for name in names]
    if any(m is None for m in found):
        return None
    heads = {m[1] for m in found if m}
    numbers = [int(m[2]) for m in found if m]
    if len(heads) != 1 or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return None
    shift = "i" if numbers[0] == 0 else f"i + {numbers[0]}"
    head = heads.pop().replace("{", "{{").replace("}", "}}")
    return f"str({shift})" if not head else f'f"{head}{{{shift}}}"'
