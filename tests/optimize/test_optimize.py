"""Graphs optimised for evaluation: fewer ops, the same numbers in float64, known names of state."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from archspec import pipeline
from archspec.deploy.optimized import Better, optimized
from archspec.model.build import from_source
from spec_files import FOLDER

ROOT = Path(__file__).parents[2]
CONV = "{conv2d: {out_channels: 4, kernel_size: 3, padding: 1, bias: false}}"


def archspec(*args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "archspec", *map(str, args)],
        cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}, capture_output=True, encoding="utf-8",
        timeout=300, check=False,
    )  # fmt: skip


def better(source: str | Path) -> tuple[nn.Module, Better]:
    """The model with statistics and weights at random, and what it became."""
    report = pipeline.check(source, weights=None).raise_for_errors()
    torch.manual_seed(0)
    module = from_source(pipeline.emitted(report)).eval()
    for inner in module.modules():
        if isinstance(inner, nn.modules.batchnorm._BatchNorm) and inner.track_running_stats:
            inner.running_mean.normal_()
            inner.running_var.uniform_(0.5, 2.0)
            for parameter in inner.parameters():
                parameter.data.normal_()
    return module, optimized(report, module)


def spec(layers: str, output: str = "out") -> str:
    return f'inputs: {{x: "float32[B, 4, 8, 8]"}}\nlayers:\n{layers}outputs: {{y: {output}}}\n'


def test_a_batch_norm_becomes_part_of_the_convolution() -> None:
    module, found = better(spec(f"  - {{name: conv, {CONV[1:-1]}}}\n  - {{name: out, batch_norm2d: {{eps: 1e-2}}}}\n"))
    assert [(fold.into, fold.norm) for fold in found.found.folds] == [("conv", "out")]
    assert (found.found.before, found.found.after) == (2, 1)
    state = found.module.state_dict()
    assert set(state) == {"conv.weight", "conv.bias"}
    # The textbook's formula (Ioffe and Szegedy, 2015), by hand.
    norm, conv = module.out, module.conv
    scale = norm.weight / torch.sqrt(norm.running_var + 1e-2)
    torch.testing.assert_close(state["conv.weight"], conv.weight * scale[:, None, None, None])
    torch.testing.assert_close(state["conv.bias"], norm.bias - norm.running_mean * scale)
    assert found.difference <= 1e-12


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ((f"  - {{name: c, {CONV[1:-1]}}}\n  - {{name: n, batch_norm2d: {{}}}}\n"
         "  - {name: out, add: {}, from: [c, n]}\n"),
         "another reads the convolution"),
        (f"  - {{name: c, {CONV[1:-1]}}}\n  - relu\n  - {{name: out, batch_norm2d: {{}}}}\n", "something is between"),
        (f"  - {{name: c, {CONV[1:-1]}}}\n  - {{name: out, batch_norm2d: {{track_running_stats: false}}}}\n",
         "it has no statistics"),
        ("  - {name: out, batch_norm2d: {}}\n", "there is no layer"),
        ((f"  - {{name: c, {CONV[1:-1]}}}\n  - {{name: n, batch_norm2d: {{}}}}\n"
         "  - {name: again, use: c}\n  - {name: out, add: {}, from: [n, again]}\n"), "the convolution is used again"),
        ("  - {name: c, linear: 8}\n  - flatten: {start_dim: 1, end_dim: 2}\n  - {name: out, batch_norm1d: {}}\n",
         "its channels are not the features"),
    ],
)  # fmt: skip
def test_what_is_not_folded(layers: str, why: str) -> None:
    _, found = better(spec(layers))
    assert not found.found.folds, why
    assert found.difference == 0


def test_what_is_idle_dead_or_there_twice_goes() -> None:
    layers = (
        "  - {name: a, relu: {}, from: x}\n  - {name: b, relu: {}, from: x}\n  - {name: drop, dropout: 0.5, from: b}\n"
        "  - {name: sum, add: {}, from: [a, drop]}\n  - {name: unread, sigmoid: {}, from: a}\n"
        "  - {name: noise, rand: {like: x}}\n  - {name: more, rand: {like: x}}\n"
        "  - {name: out, mul: {}, from: [sum, sum]}\n"
    )
    _, found = better(spec(layers))
    assert found.found.idle == ("drop",) and found.found.repeated == ("b",)
    assert set(found.found.dead) == {"unread", "noise", "more"}
    assert (found.found.before, found.found.after) == (8, 3)
    assert found.source.text.count("F.relu") == 1 and "dropout" not in found.source.text.lower()


def test_random_numbers_are_never_one() -> None:
    layers = "  - {name: a, rand: {like: x}}\n  - {name: b, rand: {like: x}}\n  - {name: out, add: {}, from: [a, b]}\n"
    report = pipeline.check(spec(layers), weights=None).raise_for_errors()
    assert pipeline.emitted_optimized(report)[1].repeated == ()


@pytest.mark.parametrize(("name", "folds"), [("digits_cnn", 3), ("vision/resnet18", 20), ("language/llama_tiny", 0)])
def test_published_networks(name: str, folds: int) -> None:
    path = FOLDER / f"{name}.yaml"
    _, found = better(path)
    assert len(found.found.folds) == folds
    assert found.difference <= 1e-12 and found.found.after <= found.found.before - folds


IN_SINGLE = {"wav2vec2_conformer_tiny"}  # casts to float32 on its way, and has batch norms that are folded


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [p for p in sorted(FOLDER.rglob("*.yaml")) if "parts" not in p.parts and "\narchspec:" in p.read_text("utf-8")],
    ids=lambda path: path.stem,
)
def test_every_network_computes_the_same(path: Path) -> None:
    report = pipeline.check(path, weights=None).raise_for_errors()
    if report.parameters > 30e6:
        source, found = pipeline.emitted_optimized(report)
        assert found.after <= found.before and source.text
        return
    assert better(path)[1].difference <= (1e-6 if path.stem in IN_SINGLE else 1e-12)


def test_a_model_with_a_cast_to_float32_is_optimised_too() -> None:
    layers = f"  - {{name: conv, {CONV[1:-1]}}}\n  - {{name: norm, batch_norm2d: {{}}}}\n  - {{to: float32}}\n"
    _, found = better(spec(layers + f"  - {{name: out, {CONV[1:-1]}}}\n"))
    assert len(found.found.folds) == 1 and found.difference <= 1e-6


def test_the_commands(tmp_path: Path) -> None:
    compiled = archspec("compile", FOLDER / "digits_cnn.yaml", "--optimize", cwd=tmp_path)
    assert compiled.returncode == 0 and "BatchNorm2d" not in compiled.stdout
    assert (
        "optimized: 14 → 10 ops" in compiled.stderr
        and "3 batch norms folded: stem.norm into stem.conv" in compiled.stderr
    )
    module, found = better(FOLDER / "digits_cnn.yaml")
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    done = archspec(
        "export",
        FOLDER / "digits_cnn.yaml",
        "--weights",
        "w.safetensors",
        "-O",
        "-o",
        "small.safetensors",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "optimized: largest difference from the model in float64" in done.stdout
    written = load_file(tmp_path / "small.safetensors")
    assert {k: tuple(v.shape) for k, v in written.items()} == {
        k: tuple(v.shape) for k, v in found.module.state_dict().items()
    }


def test_what_forward_does_not_call_stands_for_nothing() -> None:
    norm = "layer_norm: {elementwise_affine: false}"
    layers = f"  - {{name: kept, forward: false, {norm}}}\n  - {{name: out, {norm}, from: x}}\n"
    module, found = better(spec(layers))
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(found.module(x), module(x))
