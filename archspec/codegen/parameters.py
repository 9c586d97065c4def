"""What differs between a class's instances becomes its constructor's arguments, or an expression of them."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from archspec.codegen.names import Names, identifier
from archspec.codegen.plan import ClassPlan
from archspec.codegen.printer import print_expr, quoted
from archspec.codegen.tree import MISSING, Var
from archspec.graph.ir import Node, OpCall
from archspec.reading.expressions import ExpressionError, parse_template
from archspec.reading.nodes import Mapping, Scalar
from archspec.reading.nodes import Node as YamlNode

_SIMPLE = (int, float, bool, str, type(None))
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Argument(NamedTuple):
    """A constructor argument; `values` by instance; `default` its text, or None."""

    name: str
    values: tuple[Any, ...]
    default: str | None
    inferred: bool


class _Candidate(NamedTuple):
    text: str
    values: tuple[Any, ...]
    names: tuple[str, ...]


class Parameters:
    """Texts for the Vars of one class."""

    def __init__(self, plan: ClassPlan) -> None:
        self.plan = plan
        self.stored: dict[str, None] = {}  # arguments that forward reads
        self._names = Names("self", "i", "nn", "F", "torch", "math", "_", "range", "enumerate")
        self._used: dict[str, Argument] = {}
        self._block: dict[str, tuple[Any, ...]] = {}
        self._sizes: set[str] = set()  # those of `_block` that are sizes the block names
        self._candidates: list[_Candidate] = []
        if len(plan.instances) > 1:
            self._from_block()
            self._from_symbols()
            self._from_expressions()

    def arguments(self) -> list[Argument]:
        """In the order of the signature: what the input decides, then the block's own parameters, defaults last."""
        order = {name: n for n, name in enumerate(self._block)}
        found = sorted(self._used.values(), key=lambda a: (not a.inferred, order.get(a.name, len(order))))
        return sorted(found, key=lambda a: a.default is not None)

    def text(self, var: Var, forward: bool = False) -> str:
        """The Var as an expression of the constructor's arguments; in forward, of attributes."""
        found = self._find(var.values)
        if found is None:
            found = self._related(var.values)
        if found is None:
            name = self._names.new(identifier(var.hint or "value"))
            self._used[name] = Argument(name, _filled(var.values), None, True)
            found = _Candidate(name, var.values, (name,))
            self._candidates.append(found)
        return self._take(found, forward)

    def known(self, var: Var) -> str | None:
        """The same for a comment: nothing new is made for it."""
        found = self._find(var.values) or self._related(var.values)
        return found.text if found is not None and all(n in self._used for n in found.names) else None

    # -- candidates ----------------------------------------------------------------------------------------

    def _take(self, found: _Candidate, forward: bool) -> str:
        for name in found.names:
            if name not in self._used:
                values = self._block[name]
                own_size = name in self._sizes
                self._used[name] = Argument(name, values, None if own_size else _default(values), own_size)
        if not forward:
            return found.text
        self.stored.update(dict.fromkeys(found.names))
        return _WORD.sub(lambda m: f"self.{m[0]}" if m[0] in found.names else m[0], found.text)

    def _find(self, values: tuple[Any, ...]) -> _Candidate | None:
        return next((c for c in self._candidates if _fits(values, c.values)), None)

    def _related(self, values: tuple[Any, ...]) -> _Candidate | None:
        """A multiple of an argument that holds for two different values, or a part of one that holds for three."""
        known = [v for v in values if v is not MISSING]
        if any(type(v) is not int for v in known):
            return None
        for candidate in self._candidates:
            if not candidate.text.isidentifier():
                continue
            pairs = [(v, c) for v, c in zip(values, candidate.values, strict=True) if v is not MISSING]
            if any(type(c) is not int or c <= 0 for _, c in pairs) or len(set(pairs)) < 2:
                continue
            v, c = pairs[0]
            if v % c == 0 and v > c and all(a == v // c * b for a, b in pairs):
                return _Candidate(f"{v // c} * {candidate.text}", values, candidate.names)
            if len(set(pairs)) > 2 and v and c % v == 0 and c > v and all(a * (c // v) == b for a, b in pairs):
                return _Candidate(f"{candidate.text} // {c // v}", values, candidate.names)
        return None

    def _from_block(self) -> None:
        instances = self.plan.instances
        for name in instances[0].graph.params:
            values = tuple(t.params.get(name, MISSING) for t in instances)
            if all(isinstance(v, _SIMPLE) for v in values) and len(set(map(_key, values))) > 1:
                own = self._names.new(identifier(name))
                self._block[own] = values
                self._candidates.append(_Candidate(own, values, (own,)))

    def _from_symbols(self) -> None:
        """Sizes that the block names itself: `inputs: {x: "float32[B, T, D]"}`."""
        graph = self.plan.graph
        for number, given in enumerate(graph.inputs):
            for axis, size in enumerate(given.type.shape if given.type is not None else ()):
                name = str(size).removeprefix(f"{graph.name}.")
                values = tuple(t.inputs[number].shape[axis] for t in self.plan.instances)
                if name in graph.local_symbols and all(type(v) is int for v in values) and len(set(values)) > 1:
                    own = self._names.new(identifier(name.lower()))
                    self._block[own] = values
                    self._sizes.add(own)
                    self._candidates.append(_Candidate(own, values, (own,)))

    def _from_expressions(self) -> None:
        for node, done, present in self._rows():
            calls: list[Any] = [MISSING if d is MISSING else d.node.calls[0] for d in done]
            first = next(c for c in calls if c is not MISSING)
            if isinstance(first, OpCall) and node.raw is not None:
                for key, text in _written(first, node.raw):
                    self._expression(text, [MISSING if c is MISSING else c.values.get(key, MISSING) for c in calls])
            if present is not None and isinstance(node.when, Scalar):
                self._expression(node.when.value, list(present.values))

    def _rows(self) -> Iterator[tuple[Node, list[Any], Var | None]]:
        """The nodes of all instances side by side: a node, what it is in each instance, in which it is present."""
        if self.plan.chain is None:
            for aligned in self.plan.every_node():
                yield aligned.node, aligned.done, aligned.present
        else:
            for row in zip(*(typed.nodes for typed in self.plan.instances), strict=True):
                yield row[0].node, list(row), None

    def _expression(self, text: Any, values: list[Any]) -> None:
        try:
            template = parse_template(text)
        except ExpressionError:
            return
        tree = template.tree
        if tree is None or not template.names <= self._block.keys() or not template.names:
            return
        if all(isinstance(v, _SIMPLE) or v is MISSING for v in values) and _means_the_same(tree):
            python = ast.unparse(_DoubleQuoted().visit(copy.deepcopy(tree)))
            self._candidates.append(_Candidate(python, tuple(values), tuple(sorted(template.names))))


class _DoubleQuoted(ast.NodeTransformer):
    """`ast.unparse` writes texts in single quotes and names as they are."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Name(quoted(node.value)) if isinstance(node.value, str) else node


def _means_the_same(tree: ast.expr) -> bool:
    """Does the expression, read as Python, give what the language gives? (`/` and the rounding calls do not.)"""
    odd = {"ceil", "floor", "round", "true", "false", "null"}
    return not any(
        isinstance(part, ast.Div) or (isinstance(part, ast.Name) and part.id in odd) for part in ast.walk(tree)
    )


def _written(call: OpCall, raw: YamlNode) -> list[tuple[str, str]]:
    """(argument, text) of the arguments that are written as an expression."""
    entries = raw.entries.items() if isinstance(raw, Mapping) else [(next(iter(call.cls.args), ""), raw)]
    return [(k, v.value) for k, v in entries if isinstance(v, Scalar) and isinstance(v.value, str) and "$" in v.value]


def _key(value: Any) -> Any:
    return (type(value) is bool, value)


def _fits(values: tuple[Any, ...], known: tuple[Any, ...]) -> bool:
    return all(
        v is MISSING or (v == k and isinstance(v, bool) == isinstance(k, bool))
        for v, k in zip(values, known, strict=True)
    )


def _filled(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """An instance that lacks the expression still has to pass something."""
    some = next(v for v in values if v is not MISSING)
    return tuple(some if v is MISSING else v for v in values)


def _default(values: tuple[Any, ...]) -> str | None:
    """Flags are off unless said, and a stride or the like is 1: as torch's own signatures have it."""
    if all(isinstance(v, bool) for v in values):
        return "False"
    if all(type(v) is int for v in values) and 1 in values and sum(v == 1 for v in values) * 2 >= len(values):
        return "1"
    return None


def default_matches(argument: Argument, value: Any) -> bool:
    """May a call leave this value out?"""
    return argument.default is not None and isinstance(value, _SIMPLE) and print_expr(value) == argument.default
