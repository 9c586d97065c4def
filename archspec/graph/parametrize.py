"""`parametrize` on an op: which of its parameters are computed from others, and how."""

from __future__ import annotations

from typing import Any

from archspec.graph.context import FAILED, Context
from archspec.ops.base import Op
from archspec.ops.kinds import BadValue
from archspec.ops.parametrized import ParametrizationKind, parametrized
from archspec.reading.nodes import Mapping, Node

_KIND = ParametrizationKind()
_FORM = "`parametrize: {weight: weight_norm}`"


def read_parametrizations(ctx: Context, cls: type[Op], node: Node, env: dict[str, Any]) -> type[Op] | None:
    """The op as it is then; None if something is wrong (reported)."""
    if not isinstance(node, Mapping) or not node.entries:
        ctx.error("AS205", node.span, "`parametrize` takes a mapping from parameters to parametrizations", help=_FORM)
        return None
    if cls.attribute != "module" or cls.state is Op.state:
        ctx.error("AS205", node.span, f"`{cls.name}` has no module whose parameters could be computed")
        return None
    found = []
    for name, value in node.entries.items():
        given = ctx.evaluate(value, env)
        if given is FAILED:
            return None
        try:
            found.append(_KIND.of(name, given))
        except BadValue as bad:
            ctx.error("AS205", value.span, f"`{name}`: {bad.message}", help=bad.help, value_of=value)
            return None
    return parametrized(cls, tuple(found))  # type: ignore[arg-type]  # a class is hashable
