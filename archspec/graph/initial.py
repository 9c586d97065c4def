"""`init`: how parameters begin, as it is written on an item, in a block or for the whole spec.

Which parameters a rule means is known once sizes are: archspec.parameters.initial.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.diagnostics.model import Span
from archspec.diagnostics.suggest import did_you_mean
from archspec.graph.context import FAILED, Context
from archspec.ops.base import Op
from archspec.ops.initial import PARAMETER_INITS, Init, InitKind
from archspec.ops.kinds import BadValue
from archspec.ops.registry import find
from archspec.reading.nodes import Mapping, Node, Sequence

_KIND = InitKind(PARAMETER_INITS)
MOST = 256


class InitRule(NamedTuple):
    """`pattern`: of names, as they are inside of what the rule is written on; of an op's own, where `op` is its name.

    `span`: the pattern's, which is the rule's own in all turns and instances; `value_span`: the initialiser's.
    `beside`: of a rule of an inline block, which stands on each of its items: the path of that item.
    """

    pattern: str
    op: str | None
    init: Init
    span: Span
    value_span: Span
    beside: str = ""


def read_init(ctx: Context, node: Node | None, env: dict[str, Any]) -> tuple[InitRule, ...]:
    """The rules in order; what is wrong is reported, and left out."""
    if not isinstance(node, Mapping):  # reported by the schema stage
        return ()
    if len(node.entries) > MOST:
        ctx.error("AS205", node.span, f"`init` has more than {MOST} entries")
        return ()
    rules: list[InitRule] = []
    for key, value in node.entries.items():
        op = find(key)
        if op is None:
            rules += _rule(ctx, key, None, node.keys[key], value, env)
        elif op.state is Op.state:
            ctx.error("AS205", node.keys[key], f"`{key}` has no parameters to initialise")
        elif not isinstance(value, Mapping) or set(value.entries) & PARAMETER_INITS.keys():
            help = f"name its parameters: `{key}: {{weight: {{normal: {{std: 0.02}}}}, bias: zeros}}`"
            ctx.error("AS205", value.span, f"`{key}` is an op, and takes an initialiser for each parameter", help=help)
        else:
            for name, inner in value.entries.items():
                rules += _rule(ctx, name, key, value.keys[name], inner, env)
    return tuple(rules)


def _rule(
    ctx: Context, pattern: str, op: str | None, span: Span, value: Node, env: dict[str, Any]
) -> tuple[InitRule, ...]:
    given = ctx.settled(value, env)
    if given is FAILED:
        return ()
    try:
        return (InitRule(pattern, op, _KIND.parse(given), span, value.span),)
    except BadValue as bad:
        place: Node = value
        for step in bad.path:
            inner = place.get(step) if isinstance(place, Mapping) and isinstance(step, str) else None
            if inner is None and isinstance(place, Sequence) and isinstance(step, int) and step < len(place.items):
                inner = place.items[step]
            place = inner or place
        help = bad.help or _similar(pattern)
        ctx.error("AS205", place.span, f"`{pattern}`: {bad.message}", help=help, value_of=value)
        return ()


def _similar(pattern: str) -> str | None:
    """A misspelt op looks like a pattern whose value is no initialiser."""
    from archspec.ops.registry import all_ops

    return did_you_mean(pattern, all_ops()) if pattern.isidentifier() else None
