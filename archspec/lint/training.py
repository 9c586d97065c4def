"""AS506: an activation at the end of the model that its loss takes once more, or does not expect."""

from __future__ import annotations

from archspec.diagnostics.model import Diagnostics
from archspec.graph.ir import Graph, Node, OpCall, Value
from archspec.recipe.model import Recipe


def warn(root: Graph, recipe: Recipe, found: Diagnostics) -> None:
    """Warn of losses that read what an op gives which is not to stand before them."""
    outputs = dict(root.outputs)
    for term in recipe.losses:
        last = _last(root, outputs.get(term.input)) if term.loss.not_after else None
        why = term.loss.not_after.get(last[1].cls.name) if last is not None else None
        if last is None or why is None:
            continue
        node, name = last[0], last[1].cls.name
        found.warning(
            "AS506",
            node.span,
            f"`{term.loss.name}` reads `{term.input}` after a `{name}`: {why}",
            help=f"give back the values before the `{name}`, or take another loss",
        )


def _last(graph: Graph, value: Value | None) -> tuple[Node, OpCall] | None:
    """The op whose result a value is, looked for inside blocks and sequences too."""
    while value is not None and value.node >= 0:
        node = graph.nodes[value.node]
        last = node.calls[-1] if node.calls else None
        if isinstance(last, OpCall):
            return node, last
        if last is None:
            return None
        graph, value = last, last.outputs[value.output][1]
    return None
