"""Sizes that a block names in its input types, where its nested lists and blocks use them."""

from __future__ import annotations

import torch

import archspec

SPEC = """\
inputs: {x: "float32[B, 4, 8]"}
blocks:
  Outer:
    inputs: {x: "float32[N, T, D]"}
    layers:
      - {name: scale, parameter: {shape: [$D], init: ones}}
      - name: inner
        from: x
        sequence:
          - linear: $(2 * D)
          - relu
          - linear: $D
      - {name: scaled, mul: {}, from: [inner, scale]}
      - {name: sub, Sub: {width: $(D // 2)}}
  Sub:
    params: {width: int}
    layers:
      - linear: $width
layers:
  - {name: small, Outer: {}}
  - {name: widen, linear: 16}
  - {name: large, Outer: {}}
"""


def test_each_call_has_its_own_sizes() -> None:
    model = archspec.compile(SPEC)
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters() if name.endswith(("weight", "scale"))}
    assert shapes == {
        "small.scale": (8,),
        "small.inner.0.weight": (16, 8),
        "small.inner.2.weight": (8, 16),
        "small.sub.0.weight": (4, 8),
        "widen.weight": (16, 4),
        "large.scale": (16,),
        "large.inner.0.weight": (32, 16),
        "large.inner.2.weight": (16, 32),
        "large.sub.0.weight": (8, 16),
    }
    assert type(model.small) is type(model.large), "one class, by its size"
    assert model(torch.zeros(3, 4, 8)).shape == (3, 4, 8)
    report = archspec.check(SPEC)
    assert report.parameters == sum(p.numel() for p in model.parameters())


def test_a_size_that_only_the_run_fixes() -> None:
    """Of a symbol of the spec's inputs no layer can be made; the errors are at the expressions."""
    report = archspec.check(SPEC.replace("float32[B, 4, 8]", "float32[B, 4, W]"))
    assert [(d.code, d.span.line) for d in report.diagnostics] == [("AS306", 6), ("AS205", 10)]
    assert all("W" in d.message for d in report.diagnostics)
