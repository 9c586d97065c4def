"""Names of blocks and modules under `runtime`, held against the model before anything runs."""

from __future__ import annotations

from inspect import signature

import pytest
import torch
from torch.nn import Module

from archspec import pipeline
from archspec.model.build import from_source
from archspec.recipe.naming import Modules
from archspec.recipe.optimizers import FUSED, OPTIMIZERS
from spec_files import FOLDER

SPEC = """\
inputs: {image: "float32[B, 1, 8, 8]"}
blocks:
  Layer:
    layers:
      - residual:
          - {name: norm, layer_norm: {}}
          - {name: fc, linear: 64}
layers:
  - flatten
  - {name: h, repeat: 3, Layer: {}}
  - {name: head, linear: 10}
outputs: {logits: head}
train:
  data: digits
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: sgd
  epochs: 1
  batch_size: 64
"""


def float32(names: str) -> pipeline.Report:
    return pipeline.check(SPEC + f"runtime:\n  precision:\n    default: bf16\n    float32: {names}\n")


@pytest.mark.parametrize(
    ("names", "paths"),
    [
        ("[Layer]", ("h.0", "h.1", "h.2")),
        ("Layer", ("h.0", "h.1", "h.2")),
        ("[h]", ("h.0", "h.1", "h.2")),
        ("[h.1]", ("h.1",)),
        ("[layer_norm]", ("h.0.norm", "h.1.norm", "h.2.norm")),
        ("[LayerNorm, head]", ("h.0.norm", "h.1.norm", "h.2.norm", "head")),
        ('["*.norm", "!h.1"]', ("h.0.norm", "h.2.norm")),
        ('["h.[02]"]', ("h.0", "h.2")),
    ],
)
def test_what_a_name_chooses(names: str, paths: tuple[str, ...]) -> None:
    report = float32(names)
    assert report.ok, report.diagnostics
    assert report.recipe is not None
    assert report.recipe.chosen == {"float32": paths}


@pytest.mark.parametrize(
    ("names", "code", "words", "help"),
    [
        ("[Layr]", "AS508", "`Layr`", "`Layer`"),
        ("[head, haed]", "AS508", "`haed`", "`head`"),
        ("[h.7]", "AS508", "`h.7`", ""),
        ("[nothing_like_it]", "AS508", "`nothing_like_it`", "its blocks are Layer"),
        ("['!Layer']", "AS205", "of nothing", '["*", "!Layer"]'),
        ("['h.[']", "AS205", "does not close", ""),
    ],
)
def test_a_name_that_nothing_has_is_an_error_at_its_line(names: str, code: str, words: str, help: str) -> None:
    report = float32(names)
    (found,) = report.diagnostics
    assert found.code == code and words in found.message and help in (found.help or "")
    assert found.span.line == SPEC.count("\n") + 4


def test_the_name_itself_is_pointed_at() -> None:
    (found,) = float32("[head, haed]").diagnostics
    assert found.span.col == len("    float32: [head, ") + 1


@pytest.mark.parametrize("name", ["vision/resnet18", "vision/mobilenet_v2", "language/gpt2", "language/t5_small"])
def test_modules_are_those_of_the_model(name: str) -> None:
    """Every path that may be named is a module, and every module but activations in a chain may be named."""
    report = pipeline.check(FOLDER / f"{name}.yaml", weights=None).raise_for_errors()
    assert report.typed is not None
    known = Modules(report.typed)
    with torch.device("meta"):
        module = from_source(pipeline.emitted(report))
    # (A plain `nn.Module` only holds others, or a tied tensor: it computes nothing.)
    real = {path: type(inner).__name__ for path, inner in module.named_modules() if path and type(inner) is not Module}
    assert known.names.keys() <= real.keys()
    stateful = {path for path in real if any(True for _ in module.get_submodule(path).parameters(recurse=False))}
    assert stateful <= known.names.keys()
    assert all(real[path] in names for path, names in known.names.items() if path in stateful)


@pytest.mark.parametrize(
    ("runtime", "key", "paths"),
    [
        ("checkpoint_activations: full", "checkpoint_activations", ("h.0", "h.1", "h.2")),
        ("checkpoint_activations: {mode: selective, blocks: [h.1, head]}", "checkpoint_activations", ("h.1", "head")),
        ("compile: {blocks: Layer}", "compile", ("h.0", "h.1", "h.2")),
        ("compile: true", "", ()),
        ("checkpoint_activations: none", "", ()),
        ("checkpoint_activations: null", "", ()),
    ],
)
def test_what_is_checkpointed_and_compiled(runtime: str, key: str, paths: tuple[str, ...]) -> None:
    report = pipeline.check(SPEC + f"runtime: {{{runtime}}}\n")
    assert report.ok, report.diagnostics
    assert report.recipe is not None
    assert report.recipe.chosen == ({key: paths} if key else {})


@pytest.mark.parametrize("part", ["checkpoint_activations", "compile"])
def test_an_unknown_block_there_is_an_error_at_its_line(part: str) -> None:
    (found,) = pipeline.check(SPEC + f"runtime:\n  {part}:\n    blocks: [Layr]\n").diagnostics
    assert found.code == "AS508" and "`Layer`" in (found.help or "")
    assert (found.span.line, found.span.col) == (SPEC.count("\n") + 3, len("    blocks: [") + 1)


def test_fused_is_for_what_pytorch_has_a_kernel_for() -> None:
    assert pipeline.check(SPEC + "runtime: {fused: true}\n").ok
    (found,) = pipeline.check(SPEC.replace("sgd", "rmsprop") + "runtime:\n  fused: true\n").diagnostics
    assert found.code == "AS205" and found.span.line == SPEC.count("\n") + 2
    kernels = {
        name for name, part in OPTIMIZERS.parts.items()
        if "fused" in signature(getattr(torch.optim, part.counterpart.rpartition(".")[2])).parameters
    }  # fmt: skip
    assert kernels == set(FUSED)
