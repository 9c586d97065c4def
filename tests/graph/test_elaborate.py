"""What elaboration shares, bounds and records."""

from __future__ import annotations

import time

import networkx as nx
import pytest
from graph_cases import run

from archspec.graph.ir import Elaboration, Graph, OpCall
from archspec.graph.overrides import apply_overrides, override_source, override_spans

HEAD = 'inputs: {x: "float32[B, 8]"}\n'


def good(text: str) -> Elaboration:
    elaboration, diagnostics = run(text)
    assert not diagnostics.has_errors, [d.message for d in diagnostics]
    assert elaboration is not None
    return elaboration


def test_equal_blocks_are_one_graph() -> None:
    text = HEAD + "layers:\n  - {name: a, A: 3}\n  - {name: b, A: {n: 3, on: true}}\n  - {name: c, A: 4}\n"
    text += "blocks:\n  A: {params: {n: int, on: true}, layers: [{linear: $n, when: $on}]}\n"
    a, b, c = (node.calls[0] for node in good(text).graph.nodes)
    assert a is b
    assert a is not c


def test_values_of_different_types_are_different_blocks() -> None:
    text = HEAD + "layers:\n  - A: 1\n  - A: 1.0\n  - A: true\n  - A: '1'\n"
    text += "blocks:\n  A: {params: {n: any}, layers: [{name: v$n, relu: }]}\n"
    calls = [node.calls[0] for node in good(text).graph.nodes]
    assert len({id(call) for call in calls}) == 4


def test_a_repeat_that_does_not_read_its_index_is_made_once() -> None:
    text = (
        HEAD + "layers:\n  - {name: h, repeat: 5000, linear: 8}\n  - {name: s, repeat: 5000, sequence: [linear: 8]}\n"
    )
    for node in good(text).graph.nodes:
        assert len(node.calls) == len(node.paths) == 5000
        assert len({id(call) for call in node.calls}) == 1


def test_cost_grows_with_distinct_blocks_not_depth() -> None:
    def steps(depth: int) -> float:
        text = HEAD + f"layers:\n  - {{name: h, repeat: {depth}, A: {{}}}}\nblocks:\n  A: {{layers: ["
        text += ", ".join(["{linear: 8}"] * 200) + "]}\n"
        start = time.perf_counter()
        good(text)
        return time.perf_counter() - start

    steps(1)
    assert steps(1000) < 5 * steps(1) + 0.2


@pytest.mark.parametrize(
    "layers",
    [
        "  - {repeat: 1000000000, linear: 8}\n",
        "  - {repeat: $(10 ** 12), A: {}}\n",
        "  - {repeat: 10000, sequence: [{repeat: 10000, sequence: [{repeat: 10000, relu: }]}]}\n",
        "  - {repeat: 10000, sequence: [{repeat: 10000, linear: $(i + 1)}, {linear: $(i + 1)}]}\n",
    ],
)
def test_a_large_expansion_is_refused_soon(layers: str) -> None:
    start = time.perf_counter()
    elaboration, diagnostics = run(HEAD + "layers:\n" + layers + "blocks: {A: {layers: [relu]}}\n")
    assert "AS215" in {d.code for d in diagnostics}
    assert time.perf_counter() - start < 20
    assert elaboration is None or all(not node.calls for node in elaboration.graph.nodes)


def test_blocks_that_double_are_refused_without_writing_them_out() -> None:
    blocks = "".join(f"  A{k}: {{layers: [A{k + 1}, A{k + 1}]}}\n" for k in range(40)) + "  A40: {layers: [relu]}\n"
    _, diagnostics = run(HEAD + "layers: [A0]\nblocks:\n" + blocks)
    assert [d.code for d in diagnostics] == ["AS215"]


def test_a_node_in_error_has_no_calls_and_the_others_are_there() -> None:
    elaboration, diagnostics = run(HEAD + "layers:\n  - linear: 8\n  - linaer: 8\n  - relu\n")
    assert elaboration is not None
    assert [bool(node.calls) for node in elaboration.graph.nodes] == [True, False, True]
    assert [d.code for d in diagnostics] == ["AS202"]


def test_spans() -> None:
    text = HEAD + "layers:\n  - {name: stem, linear: 8}\n  - {name: s, add: {}, from: [stem, x]}\n"
    node = good(text).graph.nodes[1]
    assert (node.span.line, node.span.col) == (4, 15)
    assert (node.key_span.line, node.key_span.col) == (4, 12)
    assert [(span.line, span.col) for span in node.input_spans if span] == [(4, 31), (4, 37)]
    assert node.label == "s"


def test_the_graph_as_networkx() -> None:
    text = HEAD + "layers:\n  - {name: a, linear: 8}\n  - {name: s, add: {}, from: [a, x, a]}\n"
    digraph = good(text).graph.to_networkx()
    assert list(nx.topological_sort(digraph)) == [-1, 0, 1]
    assert digraph.edges[0, 1]["slots"] == [(0, 0), (2, 0)]
    assert digraph.nodes[1]["data"].names == ("s",)


def test_positions_are_equal_in_all_instances_of_a_block() -> None:
    text = HEAD + "layers:\n  - {name: a, A: true}\n  - {name: b, A: false}\n"
    text += "blocks:\n  A: {params: {on: bool}, layers: [{linear: 8, when: $on}, relu]}\n"
    first, second = (node.calls[0] for node in good(text).graph.nodes)
    assert isinstance(first, Graph)
    assert isinstance(second, Graph)
    assert first.template == second.template
    assert first.nodes[1].item == second.nodes[0].item


def test_sizes_of_a_block_stay_symbols_until_it_is_called() -> None:
    text = HEAD + 'layers: [A]\nblocks:\n  A: {inputs: {x: "float32[N, D]"}, layers: [{linear: $D}]}\n'
    block = good(text).graph.nodes[0].calls[0]
    assert isinstance(block, Graph)
    assert block.local_symbols == ("N", "D")
    call = block.nodes[0].calls[0]
    assert isinstance(call, OpCall)
    assert call.op is None
    assert str(call.values["out_features"]) == "A.D"
    assert str(block.inputs[0].type) == "float32[A.N, A.D]"


def test_overrides_reach_the_train_section_and_keep_its_other_entries() -> None:
    text = HEAD + "layers: [{linear: $n}]\nparams: {n: 3}\ntrain: {epochs: 1, optimizer: {adamw: {lr: 1}}}\n"
    elaboration, diagnostics = run(
        text, {"n": 4, "train.epochs": 7, "train.optimizer.adamw.lr": 0.5, "runtime.compile": True}
    )
    assert not diagnostics.has_errors
    assert elaboration is not None
    data = elaboration.root.data()
    assert data["train"] == {"epochs": 7, "optimizer": {"adamw": {"lr": 0.5}}}
    assert data["runtime"] == {"compile": True}
    assert elaboration.params == {"n": 4}
    assert apply_overrides(elaboration.root, {}, diagnostics) is elaboration.root


def test_places_of_overrides() -> None:
    given = {
        "classes": 10,
        "train.epochs": None,
        "runtime.parallel": {"tensor": 2, "sequence": False},
        "sizes": [1, "a"],
    }
    texts = ("10", "null", "{tensor: 2, sequence: false}", "[1, a]")
    assert override_source(given) == "".join(f"{path}={text}\n" for path, text in zip(given, texts, strict=True))
    spans = override_spans(given)
    for line, (path, value) in enumerate(zip(given, texts, strict=True)):
        text = override_source(given).splitlines()[line]
        where, what = spans[path]
        assert text[where.col - 1 : where.end_col - 1] == path
        assert text[what.col - 1 : what.end_col - 1] == value
