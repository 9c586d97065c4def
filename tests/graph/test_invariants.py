"""What holds of every graph: of the good specs of the tests, and of bad ones what is left of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest
from graph_cases import HERE, overrides, run

from archspec.graph.ir import Graph
from archspec.graph.names import wrong_path

SPECS = sorted((HERE.parents[1] / "specs").rglob("*.yaml"))
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
                    assert len(node.inputs) == len(call.inputs)
        for _, value in graph.outputs:
            assert value.node < len(graph.nodes)
        assert nx.is_directed_acyclic_graph(graph.to_networkx())
        if not diagnostics.has_errors:
            made = [node for node in graph.nodes if node.shared is None]
            written = [path for node in made if not node.auto for path in node.paths]
            assert len(written) == len(set(written))
            assert all(wrong_path(path) is None for path in written)
            assert all(node.calls for node in graph.nodes)
            assert len({given.name for given in graph.inputs}) == len(graph.inputs)
