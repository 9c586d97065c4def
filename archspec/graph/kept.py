"""Graphs of blocks outlive the check that built them: a block that is read again as it was is not built again.

The graph of a block depends on its text and place (its node is the same: reading/kept.py), on its parameters, on what
the names in it stand for around it, and on the blocks that it uses. Only what was built without a word is kept, and
nothing that waits for sizes (later.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from archspec.graph.context import MAX_DEPTH, Context
from archspec.graph.ir import Graph
from archspec.ops.known import freeze
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from archspec.graph.blocks import BlockDef

MAX_GRAPHS = 64  # of one block; then it begins anew

_WORD = re.compile(r"[A-Za-z_]\w*")
Key = tuple[Any, ...]


class Built(NamedTuple):
    """`work`, `depth`: what building it took, without the blocks it uses, which are in `uses` by their parameters."""

    graph: Graph
    work: int
    depth: int
    uses: dict[Key, Built]


class Frame:
    """What is noted while a block is built; `uses` is None where a block it uses is not kept."""

    __slots__ = ("uses", "work")

    def __init__(self) -> None:
        self.uses: dict[Key, Built] | None = {}
        self.work = 0  # of the blocks built on the way


def graph_of(ctx: Context, block: BlockDef, key: Key, make: Callable[[], Graph | None]) -> Graph | None:
    """The graph of the block with the parameters that `key` stands for, from an earlier check or made anew."""
    kept = block.node.kept
    if kept is None or ctx.inspecting:
        _note(ctx, key, None)
        return make()
    graphs = kept.setdefault("graphs", {})
    long_key = (key, _around(ctx, block))
    built: Built | None = graphs.get(long_key)
    if built is None or ctx.depth + built.depth > MAX_DEPTH:
        graph, built = _build(ctx, make)
        if built is None:
            _note(ctx, key, None)
            return graph
        if len(graphs) >= MAX_GRAPHS:
            graphs.clear()
        graphs[long_key] = built
    else:
        _adopt(ctx, block, built)
    _note(ctx, key, built)
    return built.graph


def _build(ctx: Context, make: Callable[[], Graph | None]) -> tuple[Graph | None, Built | None]:
    said, work, deepest = ctx.diagnostics.added, ctx.work, ctx.deepest
    frame = Frame()
    ctx.frames.append(frame)
    ctx.deepest = ctx.depth
    graph = make()
    depth, ctx.deepest = ctx.deepest - ctx.depth, max(deepest, ctx.deepest)
    ctx.frames.pop()
    spent = ctx.work - work
    if ctx.frames:
        ctx.frames[-1].work += spent
    if graph is None or graph.later is not None or frame.uses is None or ctx.diagnostics.added > said:
        return graph, None
    graph.known = {}
    return graph, Built(graph, spent - frame.work, depth, frame.uses)


def _note(ctx: Context, key: Key, built: Built | None) -> None:
    """Tell the block being built, if there is one, that it uses this."""
    ctx.built[key] = built
    used(ctx, key)


def used(ctx: Context, key: Key) -> None:
    """The block being built uses one that this check has met before."""
    if ctx.frames and (frame := ctx.frames[-1]).uses is not None:
        built = ctx.built.get(key)
        if built is None:
            frame.uses = None
        else:
            frame.uses[key] = built


def _adopt(ctx: Context, block: BlockDef, built: Built) -> None:
    """Do what building it would have done to the check."""
    ctx.spend(block.span, built.work)
    for key, inner in built.uses.items():
        if key not in ctx.memo:
            other = ctx.blocks[key[0]]
            other.built = True
            ctx.memo[key] = inner.graph
            ctx.built[key] = inner
            _adopt(ctx, other, inner)


def _around(ctx: Context, block: BlockDef) -> tuple[Any, ...]:
    """What else its graph depends on: the blocks it can reach, the values of names around it, what `use` names."""
    known = ctx.around.get(block.name)
    if known is None:
        names, words, todo = {block.name}, set[str](), [block.name]
        while todo:
            here = _words(ctx.blocks[todo.pop()].node)
            words |= here
            fresh = [word for word in here if word in ctx.blocks and word not in names]
            names.update(fresh)
            todo += fresh
        nodes = tuple(ctx.blocks[name].node for name in sorted(names))
        values = tuple((name, freeze(value)) for name, value in ctx.env.items() if name in words)
        known = ctx.around[block.name] = (nodes, values, ctx.used_names)
    return known


def _words(node: Mapping) -> frozenset[str]:
    """Everything in a block that could be a name."""
    if node.kept is None:
        return _find_words(node)
    known = node.kept.get("words")
    if known is None:
        known = node.kept["words"] = _find_words(node)
    found: frozenset[str] = known
    return found


def _find_words(node: Node) -> frozenset[str]:
    found: set[str] = set()
    todo = [node]
    while todo:
        here = todo.pop()
        if isinstance(here, Scalar):
            if isinstance(here.value, str):
                found.update(_WORD.findall(here.value))
        elif isinstance(here, Sequence):
            todo += here.items
        elif isinstance(here, Mapping):
            found.update(here.entries)
            todo += here.entries.values()
    return frozenset(found)
