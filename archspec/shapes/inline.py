"""Puts the steps of inline blocks where they are called: from here on they are those of the graph around."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from archspec.diagnostics.model import Diagnostics, Label
from archspec.dims import Dim, symbol
from archspec.dims.over import over
from archspec.graph.ir import Node, OpCall, Value
from archspec.graph.later import sizes_in
from archspec.graph.names import mentioned
from archspec.graph.namespace import Namespace, clash
from archspec.ops.base import Op
from archspec.reading.nodes import Node as YamlNode
from archspec.shapes import report
from archspec.shapes.site import CallSite
from archspec.shapes.typed import Typed, TypedNode


def in_place(typed: Typed, diagnostics: Diagnostics) -> Typed:
    """The same model without inline calls; `typed` is without error.

    Reports AS207 for two modules of one path, and AS306 for a size that is at hand in the block and not around it.
    """
    return _InPlace(diagnostics).graph(typed) if typed.graph.inlines else typed


class _InPlace:
    """Each graph is gone through once."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self.diagnostics = diagnostics
        self.done: dict[int, Typed] = {}

    def graph(self, typed: Typed) -> Typed:
        found = self.done.get(id(typed))
        if found is None:
            found = self.done[id(typed)] = self._graph(typed)
        return found

    def _graph(self, typed: Typed) -> Typed:
        calls = [[self.graph(each) if isinstance(each, Typed) else each for each in done.calls] for done in typed.nodes]
        inline = [number for number, done in enumerate(typed.nodes) if done.node.inline]
        if not inline and calls == [done.calls for done in typed.nodes]:
            return typed
        nodes: list[TypedNode] = []
        at: list[int] = []  # where each node has come to, an inline one its first step
        results: dict[int, list[Value]] = {}  # of an inline node

        def moved(value: Value) -> Value:
            if value.node < 0:
                return value
            return results[value.node][value.output] if value.node in results else value._replace(node=at[value.node])

        for number, done in enumerate(typed.nodes):
            at.append(len(nodes))
            node = done.node
            read = tuple(None if value is None else moved(value) for value in node.inputs)
            if not node.inline:
                own = [
                    new.graph if isinstance(new, Typed) else old
                    for new, old in zip(calls[number], node.calls, strict=True)
                ]
                shared = None if node.shared is None else at[node.shared]
                nodes.append(done.copy(replace(node, calls=own, inputs=read, shared=shared), calls[number]))
                continue
            (inner,) = calls[number]
            assert isinstance(inner, Typed)
            self._check_sizes(typed, number, inner)
            steps = list(_steps(node, inner, read, len(nodes)))
            results[number] = [
                read[value.output] if value.node < 0 else value._replace(node=at[-1] + value.node)  # type: ignore[misc]
                for _, value in inner.graph.outputs
            ]
            nodes += steps
        outputs = [(name, moved(value)) for name, value in typed.graph.outputs]
        graph = replace(typed.graph, nodes=[done.node for done in nodes], outputs=outputs, known=None)
        new = Typed(graph, typed.inputs)
        new.nodes, new.outputs, new.params = nodes, typed.outputs, typed.params
        if inline:
            self._check_names(typed, new)
        return new

    def _check_sizes(self, around: Typed, number: int, inner: Typed) -> None:
        """Forward reads a size off what an op reads, or off the inputs of the module that it stands in."""
        if around.graph.kind == "scan":  # which reads what the module around it has
            return
        given = {size for kind in around.inputs if kind is not None for size in kind.shape}
        for step, done in enumerate(inner.nodes):
            for callee, types in zip(done.calls, done.call_inputs, strict=True):
                near = {size for kind in types if kind is not None for size in kind.shape}
                values = [getattr(callee, name) for name in callee.args] if isinstance(callee, Op) else []
                missing = next((name for size in sizes_in(values) for name in _lacking(size, near, given)), None)
                if missing is not None:
                    site = CallSite(inner, step, 0, CallSite(around, number, 0, None))
                    report.unreachable(self.diagnostics, site, missing)
                    return

    def _check_names(self, old: Typed, new: Typed) -> None:
        taken = Namespace()
        calls = [Label(done.node.key_span, "inline here") for done in old.nodes if done.node.inline]
        for path, node in _modules(new):
            place = node.key_span
            other = taken.take(path, place)
            if other is not None:
                first = [Label(other[1], "first here")] if other[1] != place else []
                message = clash(path, other[0])
                help = "give it a `name`; without one it is called after its op" if node.auto else None
                self.diagnostics.error(
                    "AS207", place, message, label="again here", secondary=[*first, *calls], help=help
                )
                return


def _modules(typed: Typed) -> Iterator[tuple[str, Node]]:
    """Everything that a graph keeps of its own."""
    for done in typed.nodes:
        node = done.node
        if node.scan is not None:
            yield from _modules(done.calls[0])  # type: ignore[arg-type]
        elif node.shared is None and not all(isinstance(call, OpCall) and call.bare() for call in node.calls):
            yield from ((path, node) for path in node.paths)


def _condition(call: Node, node: Node, own: set[str]) -> YamlNode | None:
    """What decides on a step, in words of the graph around; None where that is more than one `when`, or none."""
    if node.when is None:
        return call.when
    return node.when if call.when is None and own.isdisjoint(mentioned(node.when)) else None


def _steps(call: Node, inner: Typed, read: tuple[Value | None, ...], start: int) -> Iterator[TypedNode]:
    """The steps of an inline block as those of the graph that calls it, from number `start` on."""
    graph = inner.graph
    own = {*graph.params, *graph.local_symbols}
    around = (*(call.init[0] if call.init else ()), *graph.init)
    for done in inner.nodes:
        node = done.node
        inputs = tuple(
            None if value is None else read[value.output] if value.node < 0 else value._replace(node=start + value.node)
            for value in node.inputs
        )
        new = replace(
            node,
            inputs=inputs,
            item=(*call.item, "inline", *node.item),
            raw=node.raw if own.isdisjoint(mentioned(node.raw)) else None,
            when=_condition(call, node, own),
            repeat=node.repeat if own.isdisjoint(mentioned(node.repeat)) else None,
            shared=None if node.shared is None else start + node.shared,
        )
        if around:
            begins = node.init or [()] * len(node.paths)
            new.init = [
                (*(rule._replace(beside=path) for rule in around), *rules)
                for path, rules in zip(node.paths, begins, strict=True)
            ]
        yield done.copy(new, done.calls)


def _lacking(size: Dim, near: set[Any], given: set[Any]) -> list[str]:
    """The symbols of a size that neither an op's own inputs nor those of the graph it stands in have."""
    out: list[str] = []

    def atom(part: Dim) -> str | None:
        if part in near or any(isinstance(held, Dim) and over(part, held) for held in (*near, *given)):
            return "near"
        if len(part.symbols) == 1 and part == symbol(*part.symbols):
            if part not in given:
                out.append(str(part))
            return "given"
        return None

    size.render(atom)
    return out
