"""Families of named parts (losses, optimizers, …): their registry, and reading one part from a spec."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

from archspec.diagnostics.model import Diagnostics, Span
from archspec.diagnostics.suggest import did_you_mean, rename
from archspec.graph.meant import meant_value
from archspec.ops.kinds import BadValue, Kind
from archspec.reading.expressions import FAILED, evaluate
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.recipe.model import Part

P = TypeVar("P", bound=Part)
C = TypeVar("C", bound=type[Part])
T = TypeVar("T")


class Family(Generic[P]):
    """A closed set of parts. `word` is what one is called; `excluded` says why a known name is not in the set."""

    def __init__(self, word: str, excluded: dict[str, str] | None = None) -> None:
        self.word = word
        self.parts: dict[str, type[P]] = {}
        self.excluded = excluded or {}

    def declare(self, name: str, counterpart: str = "") -> Callable[[C], C]:
        """Class decorator: register a part; `counterpart` is its PyTorch name."""

        def register(cls: C) -> C:
            if name in self.parts:
                raise ValueError(f"{self.word} {name!r} is declared twice")
            cls.name = name
            cls.counterpart = counterpart
            self.parts[name] = cls  # type: ignore[assignment]
            return cls

        return register


class Written(NamedTuple, Generic[P]):
    """A part as read. `span` is its name's, `spans` its arguments' values'; `extra` the other keys of its item."""

    part: P
    span: Span
    spans: dict[str, Span]
    extra: dict[str, Any]
    extra_spans: dict[str, Span]

    def at(self, argument: str) -> Span:
        """Where an argument is written, or else the part."""
        return self.spans.get(argument, self.span)


def at_path(node: Node, path: Iterable[str | int]) -> Node:
    """The node a path of keys and positions leads to, or the last one there is on the way."""
    for step in path:
        inner: Node | None = None
        if isinstance(node, Mapping) and isinstance(step, str):
            inner = node.get(step)
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            inner = node.items[step]
        if inner is None:
            break
        node = inner
    return node


def read_value(node: Node, kind: Kind[T], env: dict[str, Any], diagnostics: Diagnostics, what: str) -> T | None:
    """A value of a kind, or None with its error reported."""
    value = evaluate(node, env, diagnostics)
    if value is FAILED:
        return None
    try:
        return kind.parse(value)
    except BadValue as bad:
        fix = meant_value(node, bad, kind.parse) if not bad.path else None
        message = f"`{what}`: {bad.message}"
        diagnostics.error("AS205", at_path(node, bad.path).span, message, help=bad.help, fix=fix)
        return None


def read_part(
    node: Node,
    family: Family[P],
    env: dict[str, Any],
    diagnostics: Diagnostics,
    extra: dict[str, Kind[Any]] | None = None,
) -> Written[P] | None:
    """One part: its name, or `{name: arguments}`, with the common keys of `extra` beside it. None after an error."""
    extra = extra or {}
    values: dict[str, Any] = {}
    extra_spans: dict[str, Span] = {}
    if isinstance(node, Scalar) and isinstance(node.value, str):
        name, span, args = node.value, node.span, None
    elif isinstance(node, Mapping):
        named = [key for key in node.entries if key not in extra]
        if len(named) != 1:
            found = "none" if not named else ", ".join(f"`{key}`" for key in named)
            span = node.keys[named[1]] if named else node.span
            diagnostics.error("AS205", span, f"expected exactly one {family.word}, found {found}")
            return None
        name, span, args = named[0], node.keys[named[0]], node.entries[named[0]]
        for key, kind in extra.items():
            if (given := node.get(key)) is not None:
                extra_spans[key] = given.span
                if (value := read_value(given, kind, env, diagnostics, key)) is None:
                    return None
                values[key] = value
    else:
        diagnostics.error("AS205", node.span, f"expected a {family.word}: a name, or a name with its arguments")
        return None
    cls = family.parts.get(name)
    if cls is None:
        help = family.excluded.get(name) or did_you_mean(name, family.parts) or f"one of {', '.join(family.parts)}"
        diagnostics.error(
            "AS501", span, f"unknown {family.word} `{name}`", help=help, fix=rename(name, family.parts, span)
        )
        return None
    part, spans = read_arguments(cls, args, span, env, diagnostics, beside=extra)
    return None if part is None else Written(part, span, spans, values, extra_spans)


def read_arguments(
    cls: type[P],
    node: Node | None,
    span: Span,
    env: dict[str, Any],
    diagnostics: Diagnostics,
    beside: Collection[str] = (),
) -> tuple[P | None, dict[str, Span]]:
    """A part from the node of its arguments, and where they stand; None with its errors reported.

    `beside`: keys that stand beside the part, for who writes one among its arguments.
    """
    if node is None or (isinstance(node, Scalar) and node.value is None):
        values: dict[str, Any] = {}
        entries: dict[str, Node] = {}
    elif isinstance(node, Mapping):
        unknown = [key for key in node.entries if key not in cls.args]
        for key in unknown:
            takes = f"it takes {', '.join(cls.args)}" if cls.args else "it takes no arguments"
            help = did_you_mean(key, cls.args) or takes
            if key in beside:
                help = f"`{key}` stands beside it: `{{{cls.name}: …, {key}: …}}`"
            fix = rename(key, [each for each in cls.args if each not in node], node.keys[key])
            diagnostics.error("AS203", node.keys[key], f"`{cls.name}` has no argument `{key}`", help=help, fix=fix)
        entries = dict(node.entries)
        values = {key: evaluate(value, env, diagnostics) for key, value in entries.items()}
        if unknown or any(value is FAILED for value in values.values()):
            return None, {}
    elif cls.args:  # a lone scalar or list is the first argument, as for ops
        first = next(iter(cls.args))
        value = evaluate(node, env, diagnostics)
        if value is FAILED:
            return None, {}
        entries, values = {first: node}, {first: value}
    else:
        diagnostics.error("AS203", node.span, f"`{cls.name}` takes no arguments")
        return None, {}
    try:
        part = cls.parse(values)
    except BadValue as bad:
        where, code, fix = span, "AS204", None
        if bad.path:
            key = str(bad.path[0])
            code = "AS205"
            if key in entries:
                where = at_path(entries[key], bad.path[1:]).span
                if len(bad.path) == 1:
                    fix = meant_value(entries[key], bad, cls.args[key].kind.parse)
        message = f"`{bad.path[0]}` of `{cls.name}`: {bad.message}" if bad.path else bad.message
        diagnostics.error(code, where, message, help=bad.help, fix=fix)
        return None, {}
    return part, {key: value.span for key, value in entries.items()}
