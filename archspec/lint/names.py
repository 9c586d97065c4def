"""AS410, where it is asked for: modules whose names, and so the keys of their weights, nobody has chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archspec.diagnostics.model import Diagnostics, Edit, Fix, Span
from archspec.graph.ir import Node
from archspec.ops.base import Op
from archspec.reading.text import newlines
from archspec.shapes.state import states
from archspec.shapes.typed import Typed, TypedNode


def warn(root: Typed, sources: Mapping[str, str], found: Diagnostics) -> None:
    """Warn of items with state that have a name made up of their op or their place.

    In a `sequence` the place is the name, as in nn.Sequential.
    """
    lines: dict[str, list[str]] = {}
    seen: set[Span] = set()
    for typed in _graphs(root):
        for done in typed.nodes:
            node = done.node
            if not node.auto or node.shared is not None or node.key_span in seen:
                continue
            name = node.paths[0].rpartition(".")[0] if node.repeated else node.paths[0]
            placed = name.rpartition(".")[2].isdecimal()
            key = _first_key(done)
            if key is None or (placed and typed.graph.kind == "sequence"):
                continue
            seen.add(node.key_span)
            how = "its place in the list" if placed else "its op and the items before it"
            found.warning(
                "AS410",
                node.span,
                f"an item with weights has no name: `{key}` comes from {how}",
                help="give it a `name`, so that no other item changes it",
                fix=None if placed else _named(name, node, sources, lines),
            )


def _graphs(root: Typed) -> Iterator[Typed]:
    seen: set[int] = {id(root)}
    todo = [root]
    while todo:
        typed = todo.pop()
        yield typed
        for done in typed.nodes:
            for callee in done.calls:
                if isinstance(callee, Typed) and id(callee) not in seen:
                    seen.add(id(callee))
                    todo.append(callee)


def _first_key(done: TypedNode) -> str | None:
    """The first key of the `state_dict` that the item's name is in, from its graph on."""
    callee, path = done.calls[0], done.node.paths[0]
    if isinstance(callee, Op):
        state = next(iter(callee.state(*done.call_inputs[0])), None)
        return None if state is None else f"{path}.{state.name}" if state.name else path
    return next((f"{path}.{key}" for key, _ in states(callee)), None)


def _named(name: str, node: Node, sources: Mapping[str, str], lines: dict[str, list[str]]) -> Fix | None:
    """The repair that writes down the name that the item has: no key of the weights changes."""
    span = node.span
    if span.file not in lines:
        lines[span.file] = newlines(sources.get(span.file, "").removeprefix("\ufeff")).split("\n")
    line = lines[span.file][span.line - 1] if span.line <= len(lines[span.file]) else ""
    before, behind = line[: span.col - 1].rstrip(), line[span.end_col - 1 :].lstrip()
    here = span._replace(end_line=span.line, end_col=span.col)
    if not behind.startswith(":"):  # `- batch_norm2d`, or one of `[batch_norm2d, relu]`
        key = line[span.col - 1 : span.end_col - 1]
        edit = Edit(span, f"{{name: {name}, {key}: {{}}}}", key.strip("\"'"))
    elif before.endswith("{"):
        edit = Edit(here, f"name: {name}, ")
    elif before.endswith("-"):
        edit = Edit(here, f"name: {name}\n{' ' * (span.col - 1)}")
    elif before.endswith(("[", ",")):  # `[linear: 10]`: a pair within brackets
        return None
    else:
        return None
    return Fix(f"write `name: {name}`", (edit,))
