"""Tensor-parallel plans against those that people write by hand for the same networks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archspec import pipeline
from archspec.partition.reach import reached
from archspec.partition.tensor import Plan, tensor_plan
from archspec.shapes.typed import Typed

SPECS = Path(__file__).parents[2] / "specs"


def typed(source: str | Path) -> Typed:
    report = pipeline.check(source)
    assert report.ok and report.typed is not None, report.diagnostics
    return report.typed


def plan(source: str | Path, degree: int = 2) -> Plan:
    return tensor_plan(typed(source), degree)


def by_kind(found: Plan) -> dict[str, str]:
    """{path with * for numbers: how}."""
    return {re.sub(r"\.\d+\.", ".*.", path): how for path, how in found.modules.items()}


def test_llama_is_split_as_torchtitan_splits_it() -> None:
    assert by_kind(plan(SPECS / "language" / "llama_3_8b.yaml", 8)) == {
        "model.layers.*.self_attn.q_proj": "columns",
        "model.layers.*.self_attn.k_proj": "columns",
        "model.layers.*.self_attn.v_proj": "columns",
        "model.layers.*.self_attn.o_proj": "rows",
        "model.layers.*.mlp.gate_proj": "columns",
        "model.layers.*.mlp.up_proj": "columns",
        "model.layers.*.mlp.down_proj": "rows",
        "model.embed_tokens": "table",
        "lm_head": "gathered",
    }


def test_bert_is_split_as_megatron_splits_it() -> None:
    found = by_kind(plan(SPECS / "language" / "bert_base.yaml", 4))
    assert {path: how for path, how in found.items() if path.startswith("encoder")} == {
        "encoder.layer.*.attention.self.query": "columns",
        "encoder.layer.*.attention.self.key": "columns",
        "encoder.layer.*.attention.self.value": "columns",
        "encoder.layer.*.attention.output.dense": "rows",
        "encoder.layer.*.intermediate.dense": "columns",
        "encoder.layer.*.output.dense": "rows",
    }


def test_heads_that_cannot_be_shared_evenly() -> None:
    found = plan(SPECS / "language" / "bert_base.yaml", 5)  # 12 heads
    assert "12 heads" in {limit.what for limit in found.uneven} and not any("self" in p for p in found.modules)


HEADS = (
    "  - {name: h, identity: {}}\n  - {attention: {}, from: [h, h, h]}\n  - {transpose: {dim0: 1, dim1: 2}}\n"
    "  - {flatten: 2}\n  - {name: b, linear: 8}"
)
NET = """\
inputs: {{x: "float32[B, T, 8]"}}
layers:
{layers}
"""


@pytest.mark.parametrize(
    ("layers", "want"),
    [
        ("  - {name: a, linear: 16}\n  - relu\n  - {name: b, linear: 8}", {"a": "columns", "b": "rows"}),
        # A norm over the features needs all of them.
        ("  - {name: a, linear: 16}\n  - layer_norm\n  - {name: b, linear: 8}", {"b": "gathered"}),
        ("  - {name: a, linear: 16}\n  - {softmax: -1}\n  - {name: b, linear: 8}", {"b": "gathered"}),
        # What leaks out on the side has to be whole.
        (
            ("  - {name: a, linear: 16}\n  - {name: b, linear: 8, from: a}\n  - {sum: {dim: -1}, from: a, name: s}\n"
             "  - {unsqueeze: -1}\n  - {add: {}, from: [b, s]}"),
            {},
        ),
        # Three in a row: the first two are a pair, the last gives the output.
        (
            "  - {name: a, linear: 16}\n  - gelu\n  - {name: b, linear: 8}\n  - relu\n  - {name: c, linear: 4}",
            {"a": "columns", "b": "rows", "c": "gathered"},
        ),
        # Four: two pairs.
        (
            "  - {name: a, linear: 16}\n  - {name: b, linear: 8}\n  - {name: c, linear: 16}\n  - {name: d, linear: 8}",
            {"a": "columns", "b": "rows", "c": "columns", "d": "rows"},
        ),
        # Shared weights stay whole.
        (
            "  - {name: a, linear: 8}\n  - {name: b, linear: 8}\n  - {use: a}",
            {},
        ),
        # A gate: both sides are split, and meet feature by feature.
        (
            ("  - {name: a, linear: 16}\n  - {name: g, linear: 16, from: x}\n  - sigmoid\n"
             "  - {name: gated, mul: {}, from: [a, g]}\n  - {name: b, linear: 8}"),
            {"a": "columns", "g": "columns", "b": "rows"},
        ),
        # Heads by hand: unflatten, transpose, attend, and back.
        (
            "  - {name: a, linear: 16}\n  - {unflatten: {dim: 2, sizes: [4, 4]}}\n  - {transpose: {dim0: 1, dim1: 2}}\n"
            + HEADS,
            {"a": "columns", "b": "rows"},
        ),
        # Split into features first and heads last, the parts of a process are no whole heads.
        (
            "  - {name: a, linear: 16}\n  - {rearrange: {pattern: 'b t (d h) -> b h t d', axes_lengths: {h: 4}}}\n"
            + HEADS,
            {"b": "gathered"},
        ),
    ],
)  # fmt: skip
def test_what_is_split(layers: str, want: dict[str, str]) -> None:
    assert plan(NET.format(layers=layers)).modules == want


def test_what_reaches_an_output() -> None:
    text = (
        'inputs: {x: "float32[B, 8]"}\n'
        "blocks:\n  Two:\n    layers:\n      - {name: p, linear: 4}\n      - {name: q, linear: 4, from: x}\n"
        "    outputs: [p, q]\n"
        "layers:\n  - {name: two, Two: {}, outputs: [a, b]}\n  - {name: head, linear: 2, from: a}\n"
        "  - {name: aux, linear: 2, from: b}\n"
        "outputs: {y: head, z: aux}\n"
    )
    assert reached(typed(text), ["y"]) == {"two.p", "head"}
    assert reached(typed(text), ["z"]) == {"two.q", "aux"}
    assert reached(typed(text), ["y", "z"]) == {"two.p", "two.q", "head", "aux"}
