"""Warnings: parameters, values, inputs and blocks that nothing uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from archspec.diagnostics.model import Edit, Fix, Span
from archspec.graph import hidden
from archspec.graph.blocks import used_blocks, uses_of
from archspec.graph.context import Context
from archspec.graph.inside import way_inside
from archspec.graph.ir import Graph, GraphInput, OpCall, Value
from archspec.graph.kept import UNUSED
from archspec.graph.names import Position
from archspec.graph.typetext import symbols_of
from archspec.reading.nodes import Mapping, Sequence, entry_span

_KEPT = "; `forward: false`, if it is there for its state"

Unused = dict[tuple[Any, Position], tuple[Span, str, str] | None]  # by template and item; None: it is used


def warn(ctx: Context, root: Mapping, graph: Graph) -> None:
    """Warn of what nothing uses; of parameters and blocks only in the spec's own file: others serve others too."""
    if ctx.diagnostics.has_errors:  # an item in error reads nothing: what it was to read would seem unused
        return
    _blocks(ctx, root)
    hidden.warn(ctx, root)
    _params(ctx, root)
    ctx.unused = _values(ctx, [graph])
    _report(ctx, ctx.unused.values())


def warn_decided(ctx: Context, graph: Graph) -> None:
    """The same of values in blocks whose structure sizes have decided; without errors, all of them are known."""
    if ctx.decided and not ctx.diagnostics.has_errors:
        found = _values(ctx, [graph, *ctx.decided])
        _report(ctx, (each for key, each in found.items() if ctx.unused.get(key) is None))


def _blocks(ctx: Context, root: Mapping) -> None:
    layers = root.get("layers")
    if not isinstance(layers, Sequence):
        return
    reached = {name for name, _ in used_blocks(ctx, layers)}
    if len(reached) < len(ctx.blocks):
        uses, todo = uses_of(ctx), list(reached)
        while todo:
            fresh = uses[todo.pop()] - reached
            reached |= fresh
            todo += fresh
        for name, block in ctx.blocks.items():
            if name not in reached and not block.built and block.span.file == root.span.file:
                fix = _removal(root, "blocks", name)
                ctx.diagnostics.warning("AS403", block.span, f"the block `{name}` is used nowhere", fix=fix)


def _params(ctx: Context, root: Mapping) -> None:
    """A parameter is used where its name stands behind a `$`, in what it is seen from."""
    declared = root.get("params")
    if isinstance(declared, Mapping) and declared.entries:
        read = ctx.mentions(root)
        for name, span in declared.keys.items():
            if name not in read and span.file == root.span.file:
                fix = _removal(root, "params", name)
                ctx.diagnostics.warning("AS401", span, f"the parameter `{name}` is used nowhere", fix=fix)
    for block in ctx.blocks.values():
        read = ctx.mentions(block.node)
        for name, param in block.parameters().items():
            if name not in read and param.span.file == root.span.file:
                message = f"the parameter `{name}` of `{block.name}` is used nowhere"
                ctx.diagnostics.warning("AS401", param.span, message, fix=_removal(block.node, "params", name))


def _removal(owner: Mapping, section: str, name: str) -> Fix | None:
    """The repair that removes an entry of a section; of the last one the section with it."""
    entries = owner.get(section)
    if not isinstance(entries, Mapping):
        return None
    span = entry_span(entries, name) if len(entries.entries) > 1 else entry_span(owner, section)
    return None if span is None else Fix(f"remove `{name}`", (Edit(span, None),), safe=False)


def _values(ctx: Context, todo: list[Graph]) -> Unused:
    """Values that no output needs: of a chain of such the last; in a block, those unused in every instance."""
    unused: Unused = {}
    seen: set[int] = set()
    while todo:
        graph = todo.pop()
        if id(graph) in seen:
            continue
        seen.add(id(graph))
        if graph.later is not None:  # what it reads is not known yet
            if not ctx.decided:
                unused.update(dict.fromkeys((graph.template, ("input", given.name)) for given in graph.inputs))
            continue
        own, blocks = _own(graph)
        todo += blocks
        outlives: dict[Any, Any] = graph.known if graph.known is not None else {}
        here: Unused = outlives.get(UNUSED) or outlives.setdefault(UNUSED, _unused_in(ctx, own))
        _join(here, unused)
    return unused


def _report(ctx: Context, unused: Iterable[tuple[Span, str, str] | None]) -> None:
    for found in unused:
        if found is not None:
            span, label, what = found
            if what == "input":
                ctx.diagnostics.warning("AS402", span, f"the input `{label}` is read by nothing")
            else:
                ctx.diagnostics.warning(
                    "AS402",
                    span,
                    f"the value `{label}` is used nowhere",
                    help="leave the item out, or name its value in `outputs`" + (_KEPT if what == "module" else ""),
                )


def _called_inside(graph: Graph) -> Iterator[tuple[Any, Position]]:
    """Items of graphs further in whose modules `use` calls from this one, and those around them."""
    for node in graph.nodes:
        if node.shared is None:
            continue
        maker = graph.nodes[node.shared]
        for path in node.paths:
            for own, call in zip(maker.paths, maker.calls, strict=True):
                if path.startswith(f"{own}."):
                    yield from ((inner.template, item) for inner, item in way_inside(call, path[len(own) + 1 :]))


def _own(graph: Graph) -> tuple[list[Graph], list[Graph]]:
    """The graph with the sequences and scans in it, and the blocks that these call."""
    own, blocks, todo = [graph], [], [*graph.inner]
    while todo:
        inner = todo.pop()
        if inner.kind == "block":
            blocks.append(inner)
        else:
            own.append(inner)
            todo += inner.inner
    return own, blocks


def _join(found: Unused, others: Unused) -> None:
    """Add what was found to what was found of others: what is used in one instance is used."""
    for key, what in found.items():
        if what is None:
            others[key] = None
        else:
            others.setdefault(key, what)


def _unused_in(ctx: Context, graphs: list[Graph]) -> Unused:
    """Of each item and input of some graphs: where it stands, what it is called and what it is; None if it is used."""
    out: Unused = {}
    for graph in graphs:
        _join({(graph.template, position): found for position, found in _unused_of(ctx, graph).items()}, out)
        out.update(dict.fromkeys(_called_inside(graph)))
    return out


def _unused_of(ctx: Context, graph: Graph) -> dict[Position, tuple[Span, str, str] | None]:
    out: dict[Position, tuple[Span, str, str] | None] = {}
    read = {_key(value) for _, value in graph.outputs}
    for node in graph.nodes:  # an input may be there for its type alone; a value is computed
        read.update(_key(v) for v in node.inputs if v is not None and (node.forward or v.node < 0))
    again = {node.shared for node in graph.nodes if node.shared is not None}
    tied = [target for node in graph.nodes for target in node.tie.values()] if graph.has_ties else []
    for number, node in enumerate(graph.nodes):
        used = number in read or number in again or not node.forward
        if not used and tied:
            used = any(f"{t}.".startswith(f"{path}.") or path.startswith(f"{t}.") for t in tied for path in node.paths)
        if used:
            out[node.item] = None
        else:
            bare = node.shared is not None or all(isinstance(c, OpCall) and c.bare() for c in node.calls)
            out.setdefault(node.item, (node.key_span, node.label, "value" if bare else "module"))
    for number, given in enumerate(graph.inputs if graph.kind != "sequence" else ()):
        used = -1 - number in read or _gives_a_size(ctx, graph, given)
        out["input", given.name] = None if used else (given.span, given.name, "input")
    return out


def _key(value: Value) -> int:
    """A node's number; -1 - k for input k."""
    return value.node if value.node >= 0 else -1 - value.output


def _gives_a_size(ctx: Context, graph: Graph, given: GraphInput) -> bool:
    """Is a size read off the type of an input (`$D` for `{x: "float32[N, D]"}`), which a spec says of no other?"""
    block = ctx.blocks.get(graph.name) if graph.kind == "block" else None
    reading = ctx.root if block is None else block.node
    if given.type is None or not isinstance(reading, Mapping) or (block is None and graph.kind == "block"):
        return False
    elsewhere = symbols_of(other.type for other in graph.inputs if other is not given) if block is None else []
    names = {name.rpartition(".")[2] for name in symbols_of([given.type]) if name not in elsewhere}
    return not names.isdisjoint(ctx.mentions(reading.get("layers") if block is None else reading))
