"""What a root or block gives back: `outputs`, or the last value."""

from __future__ import annotations

from archspec.diagnostics.model import Label, Span
from archspec.graph.context import Context
from archspec.graph.ir import Value
from archspec.graph.names import wrong_identifier
from archspec.graph.scope import Absent, Scope
from archspec.graph.wiring import Chain, read_name
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence

Outputs = tuple[list[tuple[str, Value]], list[Span]]


def read_outputs(ctx: Context, scope: Scope, node: Node | None, last: Chain, span: Span) -> Outputs | None:
    """Names with their values, and where each is written; None if one cannot be read (reported)."""
    scope.current = len(scope.items.items)
    if node is None:
        if isinstance(last, Absent):
            ctx.error(
                "AS206",
                last.span,
                "the last value is left out, so there is nothing to give back",
                help="name the value to give back with `outputs`",
            )
            return None
        return [("output", last)], [scope.items.items[-1].span if scope.items.items else span]
    entries = _entries(node, scope.builder.kind)
    named: list[tuple[str, Value]] = []
    seen: dict[str, Span] = {}
    healthy = bool(entries)  # that it is empty, the schema stage has reported
    for name, value_node, name_span in entries:
        if not (isinstance(value_node, Scalar) and isinstance(value_node.value, str)):
            healthy = False  # so it has that this is no name
            continue
        value = read_name(ctx, scope, value_node, "outputs")
        wrong = wrong_identifier(name) if value is not None else None
        if wrong:
            written = value_node.value if isinstance(value_node, Scalar) and name_span == value_node.span else None
            help = None if written is None else f"give it a name of its own: `outputs: {{logits: {_plain(written)}}}`"
            ctx.error("AS205", name_span, f"an output cannot be called `{name}`: {wrong}", help=help)
        if name in seen and value is not None:
            first = Label(seen[name], "first here")
            ctx.error("AS207", name_span, f"two outputs are called `{name}`", secondary=[first])
        seen[name] = name_span
        if value is None or wrong:
            healthy = False
        else:
            named.append((name, value))
    return (named, [value_node.span for _, value_node, _ in entries]) if healthy else None


def output_names(node: Node | None) -> list[str]:
    """The names alone, of a block's."""
    return ["output"] if node is None else [name for name, _, _ in _entries(node, "block")]


def _entries(node: Node, kind: str) -> list[tuple[str, Node, Span]]:
    if isinstance(node, Mapping):
        return [(name, value, node.keys[name]) for name, value in node.entries.items()]
    values = node.items if isinstance(node, Sequence) else [node]
    return [(_own_name(value, number, kind), value, value.span) for number, value in enumerate(values)]


def _own_name(node: Node, number: int, kind: str) -> str:
    """An output that is not given a name is called as its value is: `encoder.3` as `encoder_3`, `3` as `output_3`.

    Those of a block go by their order: what value one is may be an expression.
    """
    name = str(node.value).replace(".", "_") if isinstance(node, Scalar) else ""
    if kind == "block" and "$" in name:
        return f"output_{number}"
    return f"output_{name}" if name.isdecimal() else name


def _plain(text: object) -> str:
    """A name as it can stand in a flow mapping."""
    return f'"{text}"' if isinstance(text, str) and not set(text).isdisjoint(",[]{}") else str(text)
