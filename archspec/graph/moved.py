"""The graph of a block for another place of the same block: a line was put above it, a comment into it.

Nothing is evaluated or wired again: the graph is a copy, with the places and YAML nodes that stand where the others
stood. It is filled in when something looks into it; most checks find nothing to say of a block and never do.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf

from archspec.diagnostics.model import Span
from archspec.graph.initial import InitRule
from archspec.graph.ir import Graph, GraphInput, Node, OpCall
from archspec.reading.nodes import Mapping, Sequence
from archspec.reading.nodes import Node as YamlNode


class AmbiguousError(Exception):
    """Two things in the block stand at one place."""


class Places:
    """Where everything in a block stands now, by where it stood: both are of one form."""

    __slots__ = ("nodes", "old", "spans")

    def __init__(self, old: Mapping, new: Mapping, old_name: Span, new_name: Span) -> None:
        """`old_name`, `new_name`: where the block's name stands. Raises AmbiguousError."""
        self.old = old  # of which `nodes` has the ids
        self.nodes: dict[int, YamlNode] = {}
        self.spans: dict[Span, Span] = {old_name: new_name}
        self._pair(old, new)

    def _pair(self, old: YamlNode, new: YamlNode) -> None:
        self.nodes[id(old)] = new
        self._span(old.span, new.span)
        if type(old) is Mapping:
            assert type(new) is Mapping
            for key, span in old.keys.items():
                self._span(span, new.keys[key])
                self._pair(old.entries[key], new.entries[key])
        elif type(old) is Sequence:
            assert type(new) is Sequence
            for before, now in zip(old.items, new.items, strict=True):
                self._pair(before, now)

    def _span(self, old: Span, new: Span) -> None:
        if old in self.spans:
            raise AmbiguousError
        self.spans[old] = new


class Mover:
    """Copies the graph of one block for another place. `calls`: the graphs of the blocks that it uses, by `id` of
    those that it calls where it stood."""

    def __init__(self, graph: Graph, old: Mapping, new: Mapping, name: Span, calls: MappingOf[int, Graph]) -> None:
        """`old`: what `graph` was built of; `new`, `name`: the same, and its name, where they stand now."""
        self._source = (graph, old, new, name)
        self._graphs = dict(calls)
        self._places: Places | None = None

    def graph(self, old: Graph) -> Graph:
        """The copy, which is filled in when something looks into it."""
        known = self._graphs.get(id(old))
        if known is not None:
            return known
        new = Graph.__new__(Graph)
        new.kind, new.name, new.template, new.params = old.kind, old.name, old.template, old.params
        new.outputs, new.doc, new.local_symbols, new.fed = old.outputs, old.doc, old.local_symbols, old.fed
        new.defaults, new.later, new.known, new.origin = old.defaults, None, None, None
        new._initialises, new._inlines, new._has_ties = old.initialises, old.inlines, old.has_ties
        new._steps, new._inner = old.steps, None
        new._copied = (self, old)
        self._graphs[id(old)] = new
        return new

    def fill(self, new: Graph, old: Graph) -> None:
        """Raises KeyError where the graph has a place that is not that of a node or key in the block."""
        spans = self.places.spans
        new.span = spans[old.span]
        new.inputs = [self._input(each) for each in old.inputs]
        new.nodes = [self._node(each) for each in old.nodes]
        new.output_spans = [spans[each] for each in old.output_spans]
        new.init = self._rules(old.init)
        new._copied = None

    @property
    def places(self) -> Places:
        if self._places is None:
            graph, old, new, name = self._source
            self._places = Places(old, new, graph.span, name)
        return self._places

    def _input(self, old: GraphInput) -> GraphInput:
        places = self.places
        text = None if old.type_text is None else places.nodes[id(old.type_text)]
        return GraphInput(old.name, places.spans[old.span], old.type, text, old.optional, old.open)

    def _node(self, old: Node) -> Node:
        spans, nodes = self.places.spans, self.places.nodes
        return Node(
            [call if isinstance(call, OpCall) else self.graph(call) for call in old.calls],
            old.paths,
            old.inputs,
            old.names,
            old.item,
            spans[old.span],
            spans[old.key_span],
            tuple([None if each is None else spans[each] for each in old.input_spans]),
            None if old.raw is None else nodes[id(old.raw)],
            old.repeated,
            old.carry,
            old.shared,
            old.tie,
            {name: spans[span] for name, span in old.tie_spans.items()},
            old.doc,
            None if old.when is None else nodes[id(old.when)],
            None if old.repeat is None else nodes[id(old.repeat)],
            old.auto,
            old.scan,
            None if old.init is None else [self._rules(each) for each in old.init],
            old.join,
            old.buffer,
            old.forward,
            old.requires_grad,
            old.inline,
        )

    def _rules(self, old: Iterable[InitRule]) -> tuple[InitRule, ...]:
        spans = self.places.spans
        return tuple([each._replace(span=spans[each.span], value_span=spans[each.value_span]) for each in old])


def movable(graph: Graph, node: Mapping, calls: Iterable[Graph]) -> bool:
    """Is it known of every place in the graph, which was built of `node`, where it will be? `calls`: see Mover.

    (A buffer that is computed is an op that holds the graph it is computed by, with its places.)
    """
    mover = Mover(graph, node, node, graph.span, {id(each): each for each in calls})
    todo, seen = [graph], set(map(id, calls))
    try:
        while todo:
            here = todo.pop()
            if id(here) not in seen:
                seen.add(id(here))
                mover.fill(mover.graph(here), here)
                todo += here.inner
                if any(node.buffer is not None for node in here.nodes):
                    return False
    except (KeyError, AmbiguousError):
        return False
    return True
