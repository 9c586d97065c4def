"""Which parameters get a gradient from a loss, against what autograd gives each after one backward pass."""

from __future__ import annotations

import pytest
import torch

from archspec import pipeline
from archspec.model.build import from_source
from archspec.partition.reach import owners, reached

HEAD = """\
inputs: {x: "float32[B, 6, 8]"}
blocks:
  Expert:
    layers: [{name: up, linear: 8}]
  Pair:
    inputs: [a, b]
    layers:
      - {name: left, linear: 8, from: a}
      - {name: right, linear: 8, from: b}
    outputs: [left, right]
layers:
  - {name: stem, linear: 8}
"""
CASES = {
    "a value cut off": ["{name: side, linear: 8}", "{name: cut, detach: {}}", "{name: y, add: {}, from: [stem, cut]}"],
    "class numbers": [
        "{name: side, linear: 4}",
        "{name: codes, argmax: -1}",
        "{name: table, embedding: {num_embeddings: 4, embedding_dim: 8}}",
        "{name: y, add: {}, from: [stem, table]}",
    ],
    "a mask": [
        "{name: side, linear: 8}",
        "{name: low, lt: {other: 0}}",
        "{name: y, masked_fill: {value: 0}, from: [stem, low]}",
    ],
    "sizes only": [
        "{name: side, linear: 8}",
        "{name: places, ones: {like: side}}",
        "{name: y, add: {}, from: [stem, places]}",
    ],
    "weights of rows": [
        "{name: gate, linear: 3}",
        "{softmax: -1}",
        "{topk: {k: 2}, outputs: [weights, chosen]}",
        "{name: y, from: stem, repeat: 3, route: {chosen: chosen, weights: weights}, Expert: {}}",
    ],
    "two values through turns": [
        "{name: other, linear: 8, from: x}",
        "{name: turns, from: [stem, other], repeat: {count: 2, carry: 2}, outputs: [p, y], Pair: {}}",
    ],
    "an output of two": ["{name: both, Pair: {}, from: [stem, stem], outputs: [p, y]}"],
}


@pytest.mark.parametrize("case", CASES)
def test_as_autograd_has_it(case: str) -> None:
    text = HEAD + "".join(f"  - {line}\n" for line in CASES[case]) + "outputs: {y: y}\n"
    report = pipeline.check(text)
    assert report.ok and report.typed is not None, report.diagnostics
    module = from_source(pipeline.emitted(report))
    module(torch.randn(2, 6, 8)).sum().backward()
    names = [name for name, _ in module.named_parameters()]
    paths = reached(report.typed, {"y"})
    ours = {name for name, path in owners(names) if path in paths}
    assert ours == {name for name, parameter in module.named_parameters() if parameter.grad is not None}
