"""`symbols:`: what a user promises of the sizes of the inputs."""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.diagnostics.model import Span
from archspec.diagnostics.suggest import did_you_mean, rename
from archspec.graph.context import FAILED, Context
from archspec.ops.kinds import show
from archspec.reading.nodes import Mapping, Node

PROMISES = ("min", "max", "multiple_of")


class ReadFacts(NamedTuple):
    values: dict[str, dict[str, int]]
    spans: dict[str, Span]


def read_facts(ctx: Context, node: Node | None, symbols: list[str], env: dict[str, Any]) -> ReadFacts:
    """The promises that are well formed; the others are reported."""
    out = ReadFacts({}, {})
    if not isinstance(node, Mapping):
        return out
    for name, promises in node.entries.items():
        if ctx.env.get(name) is FAILED:
            continue  # of an input whose type is in error
        if name not in symbols:
            help = did_you_mean(name, symbols)
            if help is None:
                help = f"sizes of the inputs: {', '.join(symbols)}" if symbols else "no input has a size with a name"
            fix = rename(name, [each for each in symbols if each not in node], node.keys[name])
            ctx.error("AS206", node.keys[name], f"no input has a size `{name}`", help=help, fix=fix)
            continue
        if not isinstance(promises, Mapping):
            continue  # the schema stage has reported it
        found: dict[str, int] = {}
        for key, value_node in promises.entries.items():
            if key not in PROMISES:
                continue
            value = ctx.evaluate(value_node, env)
            if value is FAILED:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                ctx.error("AS205", value_node.span, f"`{key}` of `{name}` takes a positive integer, got {show(value)}")
                continue
            found[key] = value
        low, high, step = found.get("min", 1), found.get("max"), found.get("multiple_of", 1)
        if high is not None and high // step * step < low:
            span = promises.entries["max"].span
            multiple = f" and a multiple of {step}" if step > 1 else ""
            ctx.error("AS205", span, f"no size `{name}` is from {low} to {high}{multiple}")
            continue
        out.values[name] = found
        out.spans[name] = node.keys[name]
    return out
