"""Blocks: their definitions, recursion among them, and the graph of a block for given parameters."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterator
from functools import partial
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any
from weakref import ref

from archspec.diagnostics.model import Diagnostic, Label, Span
from archspec.dims import Dim, symbol
from archspec.graph import kept
from archspec.graph.context import FAILED, BlockCall, Context, freeze
from archspec.graph.initial import read_init
from archspec.graph.ir import Graph, GraphInput, Value
from archspec.graph.items import Item
from archspec.graph.later import Later
from archspec.graph.names import Plan, inner_lists, is_block_name, key_of, wrong_input
from archspec.graph.outputs import output_names, read_outputs
from archspec.graph.params import Given, Param, bind_params, read_params, unknown_param
from archspec.graph.scope import Absent, Binding, Builder, Scope
from archspec.graph.typetext import is_open, read_type, symbols_in_text, symbols_of
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    import networkx as nx

Walk = Callable[[Context, Scope, "Value | Absent"], "Value | Absent"]


class BlockDef:
    """One entry of `blocks:`; its parts are read when it is first called."""

    __slots__ = ("_ctx", "_params", "built", "layers", "name", "node", "not_declared", "recursive", "span")

    def __init__(self, ctx: Context, name: str, node: Mapping, span: Span) -> None:
        self._ctx = ref(ctx)  # which holds the blocks: so no cycle waits for the garbage collector
        self.name = name
        self.node = node
        self.span = span
        layers = node.get("layers")
        self.layers = layers if isinstance(layers, Sequence) else None
        self.recursive = False
        self.built = False
        self.not_declared: set[str] = set()  # what calls give it, though it has no such parameter
        self._params: dict[str, Param] | None = None

    @property
    def ctx(self) -> Context:
        ctx = self._ctx()
        assert ctx is not None
        return ctx

    def parameters(self) -> dict[str, Param]:
        if self._params is None:
            self._params = read_params(self.ctx, self.node.get("params"))
        return self._params

    def sizes(self) -> dict[str, Dim]:
        """The sizes that its inputs' types name."""
        texts = [text for _, _, text in self._written_inputs() if text is not None]
        return {name: symbol(f"{self.name}.{name}") for text in texts for name in symbols_in_text(text)}

    def inputs(self) -> list[GraphInput]:
        found = self._written_inputs()
        unique = {
            name.removesuffix("?"): GraphInput(name.removesuffix("?"), span, None, text, name.endswith("?"))
            for name, span, text in reversed(found)
        }
        if not unique and not isinstance(self.node.get("inputs"), Sequence):
            return [GraphInput("x", self.span)]
        return list(reversed(unique.values()))

    def _written_inputs(self) -> list[tuple[str, Span, Node | None]]:
        declared = self.node.get("inputs")
        if isinstance(declared, Sequence):
            return [
                (n.value, n.span, None) for n in declared.items if isinstance(n, Scalar) and isinstance(n.value, str)
            ]
        if not isinstance(declared, Mapping):
            return []
        texts = declared.entries.items()
        return [
            (name, declared.keys[name], None if isinstance(text, Scalar) and text.value is None else text)
            for name, text in texts
        ]

    def declares(self, size: str) -> Span:
        """The input whose type names a size first; the block, if none does."""
        read = (
            each for each in self.inputs() if each.type_text is not None and size in symbols_in_text(each.type_text)
        )
        return next((each.span for each in read), self.span)

    def check_inputs(self) -> None:
        """Names of inputs that cannot be, or are there twice."""
        seen: dict[str, Span] = {}
        optional: str | None = None
        for written, span, _ in self._written_inputs():
            name = written.removesuffix("?")
            if optional is not None and name == written:
                what = f"`{name}` must be given, and stands behind `{optional}`, which may be left out"
                self.ctx.error("AS205", span, what, help="inputs that may be left out come last")
            optional = written if name != written else optional
            if name != written and name in self.parameters():
                what = f"`{name}` is a parameter too, and `${name}` tells whether the input is given"
                self.ctx.error("AS207", span, what, secondary=[Label(self.parameters()[name].span, "the parameter")])
            wrong = wrong_input(name)
            if wrong:
                self.ctx.error("AS205", span, f"an input cannot be called `{name}`: {wrong}")
            if name in seen:
                self.ctx.error(
                    "AS207", span, f"`{self.name}` has two inputs `{name}`", secondary=[Label(seen[name], "first here")]
                )
            seen.setdefault(name, span)

    @property
    def doc(self) -> str:
        node = self.node.get("doc")
        return str(node.value) if isinstance(node, Scalar) and node.value is not None else ""


def read_blocks(ctx: Context, node: Node | None) -> None:
    """Fill `ctx.blocks`; recursion is reported and its blocks marked."""
    if not isinstance(node, Mapping):
        return
    for name, body in node.entries.items():
        if keyword.iskeyword(name):  # None, True, False
            ctx.error("AS205", node.keys[name], f"a block cannot be called `{name}`: it is a word of Python's own")
        elif isinstance(body, Mapping) and is_block_name(name):
            ctx.blocks[name] = BlockDef(ctx, name, body, node.keys[name])
        elif not is_block_name(name):  # reported by the schema stage
            ctx.misnamed_blocks.add(name)
    for block in ctx.blocks.values():
        block.check_inputs()
    _find_recursion(ctx)


def drop_followers(ctx: Context) -> None:
    """Calls give a block what it has not declared, and it reads that: one misspelt name, which the calls report."""
    for block in ctx.blocks.values():
        if not block.not_declared:
            continue
        unknown = {f"unknown parameter `{name}`" for name in block.not_declared}
        around = block.node.span

        def inside(d: Diagnostic, unknown: set[str] = unknown, around: Span = around) -> bool:
            place = d.span
            return (
                d.code == "AS209"
                and d.message in unknown
                and place.file == around.file
                and (around.line, around.col) <= (place.line, place.col) <= (around.end_line, around.end_col)
            )

        ctx.diagnostics.drop(inside)


def used_blocks(ctx: Context, items: Sequence) -> Iterator[tuple[str, Span]]:
    """Blocks named in a list and the lists within it."""
    for item in items.items:
        key = key_of(item)
        if key in ctx.blocks:
            assert key is not None
            yield key, item.keys[key] if isinstance(item, Mapping) else item.span
        for _, inner, _ in inner_lists(item):
            yield from used_blocks(ctx, inner)


def block_digraph(ctx: Context) -> nx.DiGraph[str]:
    """Which block uses which; an edge has the `span` of the first use."""
    import networkx as nx

    out: nx.DiGraph[str] = nx.DiGraph()
    out.add_nodes_from(ctx.blocks)
    for name, block in ctx.blocks.items():
        if block.layers is not None:
            for used, span in used_blocks(ctx, block.layers):
                if not out.has_edge(name, used):
                    out.add_edge(name, used, span=span)
    return out


def uses_of(ctx: Context) -> dict[str, set[str]]:
    """The blocks that each block uses itself."""
    return {
        name: {used for used, _ in used_blocks(ctx, block.layers)} if block.layers is not None else set()
        for name, block in ctx.blocks.items()
    }


def _find_recursion(ctx: Context) -> None:
    try:
        TopologicalSorter(uses_of(ctx)).prepare()
        return
    except CycleError:
        import networkx as nx  # for the message only: a check of a clean spec does without
    graph = block_digraph(ctx)
    for together in list(nx.strongly_connected_components(graph)):
        start = next(name for name in ctx.blocks if name in together)
        if len(together) == 1 and not graph.has_edge(start, start):
            continue
        for name in together:
            ctx.blocks[name].recursive = True
        edges = [(start, start)] if graph.has_edge(start, start) else nx.find_cycle(graph.subgraph(together), start)
        route = [edge[0] for edge in edges] + [edges[0][0]]
        labels = [Label(graph.edges[a, b]["span"], f"`{a}` uses `{b}`") for a, b, *_ in edges]
        ctx.error(
            "AS212",
            labels[0].span,
            f"a block cannot contain itself: {' → '.join(route)}",
            label=labels[0].text,
            secondary=labels[1:],
            help="for layers one after another use `repeat`",
        )


def block_graph(
    ctx: Context, item: Item, env: dict[str, Any], walk: Walk, absent: frozenset[str] = frozenset()
) -> Graph | None:
    """The graph of a block with the item's arguments, or None (reported). `absent`: inputs that it is not given."""
    block = ctx.blocks[item.key]
    given = _arguments(ctx, block, item, env)
    if block.recursive or block.layers is None or given is None or ctx.inspecting:
        return None
    block.built = True
    left_out = (tuple(sorted(absent)),) if absent else ()
    key = (block.name, *((name, freeze(each.value)) for name, each in given.items()), *left_out)
    if key not in ctx.resolved:
        before, ctx.undecided = ctx.undecided, False
        params = bind_params(ctx, block.parameters(), given, {**ctx.env, **block.sizes()})
        waits, ctx.undecided = ctx.undecided, before
        if any(value is FAILED for value in params.values()) and not waits:
            return None
        values = {name: each.value for name, each in given.items()} if waits else params
        resolved = (block.name, *((name, freeze(value)) for name, value in values.items()), *left_out)
        if resolved not in ctx.memo:
            call = BlockCall(block.name, frozenset(params), item.key_span)
            ctx.calls.append(call)
            made = partial(build, ctx, block, params, given, walk, waits, absent)
            ctx.memo[resolved] = kept.graph_of(ctx, block, resolved, made)
            ctx.calls.pop()
        else:
            kept.used(ctx, resolved)
        ctx.resolved[key] = resolved
    else:
        kept.used(ctx, ctx.resolved[key])
    return ctx.memo[ctx.resolved[key]]


def _arguments(ctx: Context, block: BlockDef, item: Item, env: dict[str, Any]) -> dict[str, Given] | None:
    nodes, healthy = ctx.given.get(id(item.node)), True
    if nodes is None:
        nodes, healthy = _argument_nodes(ctx, block, item)
        if healthy:  # once for all turns
            ctx.given[id(item.node)] = nodes
    given = {name: Given(ctx.evaluate(node, env), node.span) for name, node in nodes.items()}
    return given if healthy and not any(each.value is FAILED for each in given.values()) else None


def _argument_nodes(ctx: Context, block: BlockDef, item: Item) -> tuple[dict[str, Node], bool]:
    """The parameters that a call gives, in the order of declaration; is nothing wrong with their names?"""
    declared = block.parameters()
    node = item.value
    nodes: dict[str, Node] = {}
    healthy = True
    if isinstance(node, Mapping):
        for key in node.entries:
            if key in declared:
                nodes[key] = node.entries[key]
            else:
                block.not_declared.add(key)
                unknown_param(ctx, node.keys[key], f"`{block.name}`", key, declared, node)
                healthy = False
    elif node is not None and not (isinstance(node, Scalar) and node.value is None):
        if not declared:
            ctx.error("AS203", node.span, f"`{block.name}` takes no parameters")
            return {}, False
        nodes[next(iter(declared))] = node
    missing = [name for name, param in declared.items() if param.type is not None and name not in nodes]
    if missing and healthy:
        words = " and ".join(f"`{name}`" for name in missing)
        example = ", ".join(f"{name}: ..." for name in missing)
        ctx.error(
            "AS204",
            item.key_span,
            f"`{block.name}` needs {words}",
            help=f"`{block.name}: {{{example}}}`",
            secondary=[Label(declared[missing[0]].span, "required: a type and no default")],
        )
        healthy = False
    return {name: nodes[name] for name in declared if name in nodes}, healthy


def build(
    ctx: Context,
    block: BlockDef,
    params: dict[str, Any],
    given: dict[str, Given],
    walk: Walk,
    waits: bool = False,
    absent: frozenset[str] = frozenset(),
) -> Graph | None:
    """The block with these parameters; a stand-in, where its structure depends on sizes (see later.py).

    `given`: those that its call gives. `waits`: a default among `params` depends on sizes so. `absent`: the inputs
    that are left out.
    """
    before, ctx.undecided = ctx.undecided, waits
    graph = _build(ctx, block, params, {}, walk, absent)
    undecided, ctx.undecided = ctx.undecided, before
    if not undecided or ctx.inspecting:
        return graph

    def decided(values: dict[str, Any], sizes: dict[str, int]) -> Graph | None:
        known = {name: each._replace(value=values[name]) for name, each in given.items()}
        bound = bind_params(ctx, block.parameters(), known, {**ctx.env, **block.sizes(), **sizes})
        made = None if FAILED in bound.values() else _build(ctx, block, bound, sizes, walk, absent)
        drop_followers(ctx)
        return made

    inputs = [each for each in block.inputs() if each.name not in absent]
    local = _types(ctx, block, inputs, {**ctx.env, **params})
    outputs = [(name, Value(-1, 0)) for name in output_names(block.node.get("outputs"))]
    out = Graph("block", block.name, ("block", block.name), params, inputs, [], outputs, block.span, block.doc)
    out.local_symbols = tuple(local)
    out.later = Later(ctx, decided, {name: each.value for name, each in given.items()}, ctx.calls[-1])
    return out


def _build(
    ctx: Context,
    block: BlockDef,
    params: dict[str, Any],
    sizes: dict[str, Any],
    walk: Walk,
    absent: frozenset[str],
) -> Graph | None:
    """`sizes`: those of the inputs that are known."""
    assert block.layers is not None
    ctx.spend(block.span, 4)  # as much work as about four ops
    ctx.enter(block.span)
    env = {**(dict.fromkeys(ctx.env, FAILED) if ctx.inspecting else ctx.env), **params}
    plan = Plan([((), block.layers)])
    builder = Builder("block", block.name, ("block", block.name), plan, block.span)
    declared = block.inputs()
    builder.inputs = [each for each in declared if each.name not in absent]
    local = _types(ctx, block, builder.inputs, env)
    for each in declared:
        if each.optional:  # `$mask`: whether it is given
            env[each.name] = FAILED if ctx.inspecting else each.name not in absent
        if each.name in absent and each.type_text is not None:
            local.update((name, FAILED) for name in symbols_in_text(each.type_text) if name not in local)
    env = {**env, **(dict.fromkeys(local, FAILED) if ctx.inspecting else local), **sizes}
    scope = Scope(builder, block.layers, (), env)
    for number, given in enumerate(builder.inputs):
        scope.names[given.name] = Binding(Value(-1, number), given.span)
    for each in declared:
        if each.name in absent:
            help = f"`when: ${each.name}` leaves out an item that needs it"
            nothing = Absent(each.span, f"`{block.name}` is not given it", "there is none", help)
            scope.names[each.name] = Binding(nothing, each.span)
    before, ctx.tensors = ctx.tensors, frozenset(each.name for each in declared)
    nothing = Absent(block.span, f"`{block.name}` reads nothing", "there is none")
    last = walk(ctx, scope, Value(-1, 0) if builder.inputs else nothing)
    outputs = read_outputs(ctx, scope, block.node.get("outputs"), last, block.span)
    ctx.tensors = before
    ctx.leave()
    if outputs is None:
        return None
    named, spans = outputs
    optional = {name: each.node for name, each in block.parameters().items() if each.type is None}
    defaults = {name: node.value for name, node in optional.items() if isinstance(node, Scalar)}
    symbols = tuple(name for name, size in local.items() if size is not FAILED)
    graph = builder.finish(named, params=params, doc=block.doc, local_symbols=symbols, output_spans=spans)
    graph.defaults = defaults
    graph.init = read_init(ctx, block.node.get("init"), env)
    return graph


def _types(ctx: Context, block: BlockDef, inputs: list[GraphInput], env: dict[str, Any]) -> dict[str, Any]:
    """Read the declared types of a block's inputs; the sizes that they name, FAILED where a type is in error."""
    local: dict[str, Any] = {}
    for given in inputs:
        if given.type_text is not None:
            given.type = read_type(ctx, given.type_text, env, block.name)
            given.open = is_open(given.type_text)
            if given.type is None:
                local.update(dict.fromkeys(symbols_in_text(given.type_text), FAILED))
            local.update((name.rpartition(".")[2], symbol(name)) for name in symbols_of([given.type]))
    return local
