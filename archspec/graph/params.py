"""Parameters of a spec or block: declared, given, checked."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from typing import Any, NamedTuple

from archspec.diagnostics.model import Span
from archspec.diagnostics.suggest import did_you_mean, rename
from archspec.dims import Dim, Real
from archspec.graph.context import FAILED, Context
from archspec.graph.names import TYPES, wrong_identifier
from archspec.ops.kinds import show
from archspec.reading.nodes import Mapping, Node, Scalar

_TITLES = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "str": "a string",
    "list": "a list",
    "dict": "a mapping",
    "any": "a value",
}


class Param(NamedTuple):
    """`type` is the type word of a required parameter; None where `node` is the default."""

    name: str
    span: Span
    node: Node
    type: str | None


class Given(NamedTuple):
    value: Any
    span: Span


def read_params(ctx: Context, node: Node | None) -> dict[str, Param]:
    """The declarations under a `params:` key."""
    if not isinstance(node, Mapping):
        return {}
    out: dict[str, Param] = {}
    for name, declared in node.entries.items():
        wrong = wrong_identifier(name)
        if wrong:
            ctx.error("AS205", node.keys[name], f"a parameter cannot be called `{name}`: {wrong}")
            continue
        word = declared.value if isinstance(declared, Scalar) and declared.plain else None
        out[name] = Param(name, node.keys[name], declared, word if isinstance(word, str) and word in TYPES else None)
    return out


def bind_params(
    ctx: Context, declared: MappingOf[str, Param], given: MappingOf[str, Given], around: dict[str, Any]
) -> dict[str, Any]:
    """Every parameter's value, in order of declaration; FAILED for those in error (reported).

    A required one that is not given is the caller's to report. A default may use the parameters before it, and the
    values `around`.
    """
    values: dict[str, Any] = {}
    env = dict(around)
    for name, param in declared.items():
        undecided = ctx.undecided
        sample = ctx.evaluate(param.node, env) if param.type is None else FAILED
        if name in given and ctx.undecided and not undecided:  # a default that depends on sizes, which is not needed
            ctx.undecided = False
            values[name] = env[name] = given[name].value
            continue
        if name not in given or (param.type is None and sample is FAILED):
            values[name] = env[name] = sample
            continue
        value = given[name].value
        kind = param.type or kind_of(sample)
        if not accepts(kind, value):
            default = f"its default is {show(sample)}" if param.type is None else None
            ctx.error("AS205", given[name].span, f"`{name}` takes {_TITLES[kind]}, got {show(value)}", help=default)
            value = FAILED
        values[name] = env[name] = value
    return values


def kind_of(default: Any) -> str:
    """The type word that a default stands for."""
    if default is None:
        return "any"
    if isinstance(default, Dim):
        return "int"
    if isinstance(default, Real):
        return "float"
    return {bool: "bool", int: "int", float: "float", str: "str", list: "list", dict: "dict"}.get(type(default), "any")


def accepts(kind: str, value: Any) -> bool:
    if kind == "any":
        return True
    if kind == "int":
        return isinstance(value, Dim) or (isinstance(value, int) and not isinstance(value, bool))
    if kind == "float":
        return isinstance(value, (int, float, Dim, Real)) and not isinstance(value, bool)
    return isinstance(value, {"bool": bool, "str": str, "list": (list, tuple), "dict": dict}[kind])  # type: ignore[arg-type]


def unknown_param(
    ctx: Context, span: Span, what: str, name: str, declared: MappingOf[str, Param], given: Mapping
) -> None:
    """Report a name that is no parameter of `what`, to which these are given."""
    help = did_you_mean(name, declared)
    listed = f"parameters: {', '.join(declared)}" if declared else "it has none"
    fix = rename(name, [each for each in declared if each not in given], span)
    message = f"{what} has no parameter `{name}`"
    ctx.error("AS203", span, message, help=f"{help} ({listed})" if help else listed, fix=fix)
