"""Graphs of blocks outlive the check that built them: a block that is read again as it was is not built again.

The graph of a block depends on what it says (its form: reading/kept.py), on its parameters, on what the names in it
stand for around it, and on the blocks that it uses; and on where all these stand, which moved.py sees to. Only what was
built without a word is kept, and nothing that waits for sizes (later.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from archspec.graph.context import MAX_DEPTH, Context
from archspec.graph.ir import Graph
from archspec.graph.moved import Mover, movable
from archspec.ops.known import freeze
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from archspec.graph.blocks import BlockDef

MAX_GRAPHS = 64  # of one block; then it begins anew
MAX_PLACES = 4  # of one graph: the last ones

UNUSED = "unused"  # the entry of `Graph.known` that unused.py makes

_WORD = re.compile(r"[A-Za-z_]\w*")
Key = tuple[Any, ...]


class Built(NamedTuple):
    """`nodes`: the block, then those that it can reach, by their names. `work`, `depth`: what building it took, without
    the blocks it uses, which are in `uses` by their parameters. `source`: itself, or what it is a copy of."""

    graph: Graph
    nodes: tuple[Mapping, ...]
    work: int
    depth: int
    uses: dict[Key, Built]
    source: Source


class Source:
    """A graph that was built, and those of the blocks that it uses, by their parameters."""

    __slots__ = ("_movable", "graph", "node", "uses")

    def __init__(self, graph: Graph, node: Mapping, uses: dict[Key, Graph]) -> None:
        self.graph = graph
        self.node = node
        self.uses = uses
        self._movable: bool | None = None

    @property
    def movable(self) -> bool:
        if self._movable is None:
            self._movable = movable(self.graph, self.node, self.uses.values())
        return self._movable


class Frame:
    """What is noted while a block is built; `uses` is None where a block it uses is not kept."""

    __slots__ = ("uses", "work")

    def __init__(self) -> None:
        self.uses: dict[Key, Built] | None = {}
        self.work = 0  # of the blocks built on the way


class Around(NamedTuple):
    """What the graph of a block depends on besides its parameters: `said`, what the blocks that it can reach say, the
    values of names around it, what `use` names; and `nodes`, where these blocks stand."""

    said: tuple[Any, ...]
    nodes: tuple[Mapping, ...]


def graph_of(ctx: Context, block: BlockDef, key: Key, make: Callable[[], Graph | None]) -> Graph | None:
    """The graph of the block with the parameters that `key` stands for, from an earlier check or made anew."""
    kept = block.node.kept
    if kept is None or ctx.inspecting:
        _note(ctx, key, None)
        return make()
    built = find(ctx, block, key)
    if built is not None:
        _adopt(ctx, block, built)
    else:
        around = surroundings(ctx, block)
        graph, built = _build(ctx, make, around)
        if built is None:
            _note(ctx, key, None)
            return graph
        _keep(kept, (key, around.said), built)
    _note(ctx, key, built)
    return built.graph


def find(ctx: Context, block: BlockDef, key: Key) -> Built | None:
    """What was built of the block, for where it and those that it uses stand now; None if it has to be made."""
    if key in ctx.memo:
        return ctx.built.get(key)
    kept = block.node.kept
    if kept is None:
        return None
    around = surroundings(ctx, block)
    places = kept.get("graphs", {}).get((key, around.said), [])
    built = _here(ctx, block, places, around)
    if built is None or ctx.depth + built.depth > MAX_DEPTH:
        return None
    if not any(each is built for each in places):
        _keep(kept, (key, around.said), built)
    return built


def _keep(kept: dict[Any, Any], key: Key, built: Built) -> None:
    graphs: dict[Key, list[Built]] = kept.setdefault("graphs", {})
    if key not in graphs and len(graphs) >= MAX_GRAPHS:
        graphs.clear()
    graphs[key] = [*graphs.get(key, [])[1 - MAX_PLACES :], built]


def _here(ctx: Context, block: BlockDef, places: list[Built], around: Around) -> Built | None:
    """What was built of the block, for where it and those that it uses stand now."""
    for built in places:
        if built.nodes == around.nodes:
            return built
    return _moved(ctx, block, places[-1], {}) if places else None


def _moved(ctx: Context, block: BlockDef, built: Built, done: dict[Key, Built | None]) -> Built | None:
    """The same for where the blocks stand now, or None. `done`: of those that it uses, by their parameters."""
    around = surroundings(ctx, block)
    if built.nodes == around.nodes:
        return built
    if not built.source.movable:
        return None
    uses: dict[Key, Built] = {}
    for key, used in built.uses.items():
        if key not in done:
            known = key in ctx.memo
            done[key] = ctx.built.get(key) if known else _moved(ctx, ctx.blocks[key[0]], used, done)
        inner = done[key]
        if inner is None:
            return None
        uses[key] = inner
    source = built.source
    calls = {id(graph): uses[key].graph for key, graph in source.uses.items()}
    graph = Mover(source.graph, source.node, block.node, block.span, calls).graph(source.graph)
    before = built.graph
    graph.known, graph.origin, before.origin = {}, before, None
    if before.known and UNUSED in before.known and not any(before.known[UNUSED].values()):
        graph.known[UNUSED] = before.known[UNUSED]
    return Built(graph, around.nodes, built.work, built.depth, uses, source)


def _build(ctx: Context, make: Callable[[], Graph | None], around: Around) -> tuple[Graph | None, Built | None]:
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
    source = Source(graph, around.nodes[0], {key: built.graph for key, built in frame.uses.items()})
    return graph, Built(graph, around.nodes, spent - frame.work, depth, frame.uses, source)


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
    if ctx.frames:
        ctx.frames[-1].work += built.work
    adopt(ctx, built.uses)


def adopt(ctx: Context, uses: dict[Key, Built]) -> None:
    """Do what building these would have done to the check, as far as it has not been done."""
    for key, built in uses.items():
        if key not in ctx.memo:
            block = ctx.blocks[key[0]]
            block.built = True
            ctx.memo[key] = built.graph
            ctx.built[key] = built
            _adopt(ctx, block, built)


def work_of(uses: dict[Key, Built]) -> int:
    """What building these takes, each once."""
    met: dict[Key, int] = {}
    todo = [*uses.items()]
    while todo:
        key, built = todo.pop()
        if key not in met:
            met[key] = built.work
            todo += built.uses.items()
    return sum(met.values())


def surroundings(ctx: Context, block: BlockDef) -> Around:
    """What the graphs of a block depend on here."""
    known = ctx.around.get(block.name)
    if known is None:
        names, words, todo = {block.name}, set[str](), [block.name]
        while todo:
            here = _words(ctx.blocks[todo.pop()].node)
            words |= here
            fresh = [word for word in here if word in ctx.blocks and word not in names]
            names.update(fresh)
            todo += fresh
        nodes = (block.node, *(ctx.blocks[name].node for name in sorted(names - {block.name})))
        values = tuple((name, freeze(value)) for name, value in ctx.env.items() if name in words)
        forms = tuple(node if node.kept is None else node.kept for node in nodes)
        known = ctx.around[block.name] = Around((forms, values, ctx.used_names), nodes)
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
