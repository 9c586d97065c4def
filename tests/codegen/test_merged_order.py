"""The order in which the children of several instances of a block are put together."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from archspec.codegen.unify import merged


@given(st.lists(st.lists(st.sampled_from("abcdefg"), unique=True), min_size=1, max_size=5))
def test_each_order_is_kept_and_what_was_seen_first_comes_first(sequences: list[list[str]]) -> None:
    """As networkx sorts, where there is such an order."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for sequence in sequences:
        nx.add_path(graph, sequence)
    seen = {item: at for at, item in enumerate(graph)}
    found = merged(sequences)
    if not nx.is_directed_acyclic_graph(graph):
        assert found is None
        return
    assert found == list(nx.lexicographical_topological_sort(graph, key=seen.__getitem__))
    for sequence in sequences:
        assert all(found.index(a) < found.index(b) for a, b in pairwise(sequence))
