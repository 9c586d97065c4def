"""Where sequences are in parts, against what torchtitan and Megatron-LM do by hand for the same networks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archspec import pipeline
from archspec.partition.sequence import Sequences, sequence_plan
from archspec.partition.tensor import tensor_plan

SPECS = Path(__file__).parents[2] / "specs"


def plan(source: str | Path) -> Sequences:
    report = pipeline.check(source)
    assert report.ok and report.typed is not None, report.diagnostics
    return sequence_plan(report.typed, tensor_plan(report.typed, 2).modules)


def kinds(paths: tuple[str, ...]) -> set[str]:
    return {re.sub(r"\.\d+\.", ".*.", path) for path in paths}


def test_llama_has_sequences_in_parts_where_torchtitan_has_them() -> None:
    found = plan(SPECS / "language" / "llama_3_8b.yaml")
    layer = "model.layers.*."
    assert kinds(found.scattered) == {"model.embed_tokens", f"{layer}self_attn.o_proj", f"{layer}mlp.down_proj"}
    projections = {f"{layer}self_attn.{name}_proj" for name in "qkv"}
    assert kinds(found.gathered) == projections | {f"{layer}mlp.gate_proj", f"{layer}mlp.up_proj", "lm_head"}
    assert found.ended == ()


def test_bert_puts_together_what_its_pooler_reads() -> None:
    found = plan(SPECS / "language" / "bert_base.yaml")
    assert found.ended == ("encoder.layer.11.output.LayerNorm",)  # the first place is taken out of it
    assert "encoder.layer.*.output.dense" in kinds(found.scattered)


HEAD = 'inputs: {x: "float32[B, T, 8]"}\nlayers:\n  - {name: a, linear: 16}\n  - gelu\n  - {name: b, linear: 8}\n'


@pytest.mark.parametrize(
    ("after", "want"),
    [
        (
            "  - layer_norm\n  - {dropout: 0.1}\n  - {name: c, linear: 16}\n  - relu\n  - {name: d, linear: 8}\n",
            Sequences(("b", "d"), ("c",)),
        ),
        # What looks at neighbours, or at all places, needs the whole.
        ("  - {transpose: {dim0: 1, dim1: 2}}\n  - {conv1d: {out_channels: 8, kernel_size: 3}}\n", Sequences()),
        ("  - {cumsum: {dim: 1}}\n", Sequences()),
        ("  - {mean: {dim: 1}}\n  - {name: c, linear: 4}\n", Sequences()),
        # A norm in front of it is where the sequence is put together.
        ("  - {name: n, layer_norm: {}}\n  - {mean: {dim: 1}}\n", Sequences(("b",), (), ("n",))),
        # Both sides of a sum are in parts, or none is.
        ("  - {name: s, mean: {dim: 1, keepdim: true}}\n  - {add: {}, from: [b, s]}\n", Sequences()),
    ],
)
def test_where_sequences_are_in_parts(after: str, want: Sequences) -> None:
    assert plan(HEAD + after) == want
