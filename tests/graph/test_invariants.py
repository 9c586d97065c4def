"""What holds of every graph: of the good specs of the tests, and of bad ones what is left of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest
from graph_cases import HERE, overrides, run

from archspec.graph.ir import Graph, OpCall
from archspec.graph.names import wrong_path
from spec_files import SPECS

CASES = sorted(HERE.glob("*/*.yaml"))


def graphs(root: Graph) -> Iterator[Graph]:
    seen: set[int] = set()
    todo = [root]
    while todo:
        graph = todo.pop()
        if id(graph) not in seen:
            seen.add(id(graph))
            yield graph
            todo += [call for node in graph.nodes for call in node.calls if isinstance(call, Graph)]


def paths(graph: Graph, held: bool = False) -> list[str]:
    """The written paths, those of a scan's body and of an inlined block among them; `held`: where a module or tensor
    may be."""
    out: list[str] = []
    for node in graph.nodes:
        if node.shared is not None or node.auto:
            continue
        for path, call in zip(node.paths, node.calls, strict=True):
            if node.scan is not None or node.in_place:
                assert isinstance(call, Graph)
                out += paths(call, held)
            elif not (held and isinstance(call, OpCall) and call.bare()):
                out.append(path)
    return out


@pytest.mark.parametrize("path", [*SPECS, *CASES], ids=lambda path: path.stem)
def test_every_graph(path: Path) -> None:
    text = path.read_text()
    elaboration, diagnostics = run(text, overrides(text))
    if elaboration is None:
        assert diagnostics.has_errors
        return
    for graph in graphs(elaboration.graph):
        for number, node in enumerate(graph.nodes):
            for value in node.inputs:
                if value is not None:
                    assert value.node < number
                    assert value.output >= 0
                    assert value.node >= 0 or value.output < len(graph.inputs)
            assert len(node.paths) == max(len(node.calls), 1)
            assert len(node.input_spans) in (0, len(node.inputs))
            assert node.names
            for call in node.calls:
                if isinstance(call, Graph):
                    routed = node.join.routed if node.join is not None else 0
                    assert len(node.inputs) == len(call.inputs) + routed
        for _, value in graph.outputs:
            assert value.node < len(graph.nodes)
        assert nx.is_directed_acyclic_graph(graph.to_networkx())
        if not diagnostics.has_errors:
            assert all(wrong_path(path) is None for path in paths(graph))
            held = paths(graph, held=True)
            assert len(held) == len(set(held))
            assert all(node.calls for node in graph.nodes)
            assert len({given.name for given in graph.inputs}) == len(graph.inputs)
