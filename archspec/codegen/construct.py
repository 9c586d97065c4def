"""Text of constructor expressions: torch modules, our classes, chains, loops over turns."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from archspec.codegen.names import Names, identifier
from archspec.codegen.parameters import Parameters, default_matches
from archspec.codegen.printer import number, print_expr, quoted
from archspec.codegen.sizes import SizeText
from archspec.codegen.tree import Chain, Child, Counted, Loop, New, Var, leaves

_NUMBERED = re.compile(r"(.*?)(0|[1-9][0-9]*)\Z")


class Construct:
    """Prints constructor expressions of one class."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self._loop: dict[int, str] = {}

    def text(self, expr: Any) -> str:
        return print_expr(expr, (), "", self._leaf)

    def _leaf(self, expr: Any) -> str | None:
        if isinstance(expr, Var):
            return self.parameters.text(expr)
        if isinstance(expr, Loop):
            return self._loop[id(expr)]
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
        names = [name for child in chain.children for name in child.names]
        numbered = names == [str(i) for i in range(len(names))]
        open_count = any(isinstance(child.count, Var) for child in chain.children)
        if numbered or (open_count and len(chain.children) == 1):
            inside = ", ".join(self._child(child) for child in chain.children)
            if chain.fn == "nn.Sequential":
                return f"nn.Sequential({inside})"
            if len(chain.children) == 1 and inside.startswith("*["):
                return f"nn.ModuleList({inside[1:]})"
            return f"nn.ModuleList([{inside}])"
        pairs = ", ".join(self._named(child) for child in chain.children)
        if chain.fn == "nn.Sequential":
            if len(chain.children) == 1 and pairs.startswith("*["):
                return f"nn.Sequential(OrderedDict({pairs[1:]}))"
            return f"nn.Sequential(OrderedDict([{pairs}]))"
        return f"nn.ModuleDict(dict([{pairs}]))"

    def _child(self, child: Child) -> str:
        if isinstance(child.expr, Counted):
            return f"*[{self._looped(child.expr, None)}]"
        if child.count == 1 and not isinstance(child.count, Var):
            return self.text(child.expr)
        return f"*[{self.text(child.expr)} for _ in range({self.text(child.count)})]"

    def _named(self, child: Child) -> str:
        if isinstance(child.expr, Counted):
            name = _pattern(child.names)
            if name is not None:
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
            self._loop[id(loop)] = self.text(loop.values[turn])
        return self.text(counted.expr)

    def _looped(self, counted: Counted, name: str | None) -> str:
        """`Block(64 + 32 * i) for i in range(6)`, or over a table where no rule is seen."""
        names = Names("i", *(a.name for a in self.parameters.arguments()))
        tables: dict[tuple[Any, ...], str] = {}
        uses_i = name is not None and "{i" in name
        for loop in _loops(counted.expr):
            rule = _rule(loop.values)
            if rule is not None:
                self._loop[id(loop)] = rule
                uses_i = True
                continue
            if loop.values not in tables:
                tables[loop.values] = names.new(identifier(loop.hint or "value"))
            self._loop[id(loop)] = tables[loop.values]
        one = self.text(counted.expr)
        if name is not None:
            one = f"({name}, {one})"
        if not tables:
            return f"{one} for {'i' if uses_i else '_'} in range({self.text(counted.count)})"
        variables = ", ".join(tables.values())
        if len(tables) == 1:
            (values,) = tables
            rows = ", ".join(self.text(v) for v in values)
        else:
            rows = ", ".join(f"({', '.join(self.text(v) for v in row)})" for row in zip(*tables, strict=True))
        if uses_i:
            variables = f"i, ({variables})" if len(tables) > 1 else f"i, {variables}"
            return f"{one} for {variables} in enumerate([{rows}])"
        return f"{one} for {variables} in [{rows}]"


def _loops(expr: Any) -> list[Loop]:
    return [leaf for leaf in leaves(expr) if isinstance(leaf, Loop)]


def _rule(values: tuple[Any, ...]) -> str | None:
    """A value as an expression of the turn `i`."""
    if len(values) < 2:
        return None
    if all(isinstance(v, bool) for v in values):
        if values == (True, *[False] * (len(values) - 1)):
            return "i == 0"
        if values == (False, *[True] * (len(values) - 1)):
            return "i > 0"
        return None
    if any(type(v) is not int for v in values):
        return None
    step = values[1] - values[0]
    if step == 0 or any(b - a != step for a, b in pairwise(values)):
        return None
    times = "i" if step == 1 else f"{number(step)} * i"
    if values[0] == 0:
        return times
    if step < 0:
        return f"{values[0]} - {'i' if step == -1 else f'{-step} * i'}"
    return f"{values[0]} + {times}"


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
