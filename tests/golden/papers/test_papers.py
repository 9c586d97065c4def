"""Specs written from papers, held against the same networks in plain PyTorch: names, numbers, gradients, FLOPs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paper_generative as generative
import paper_series as series
import paper_tabular as tabular
import pytest
import torch
from torch import nn

import archspec
import golden

HERE = Path(__file__).parent
Sizes = tuple[int, ...]

# the network, and its inputs: sizes, and for tokens how many there are
PAPERS: dict[str, tuple[Callable[[], nn.Module], list[Sizes | tuple[Sizes, int]]]] = {
    "dcgan_generator": (lambda: generative.Generator(noise=16, width=8, channels=3), [(2, 16, 1, 1)]),
    "dcgan_discriminator": (lambda: generative.Discriminator(width=8, channels=3), [(2, 3, 64, 64)]),
    "pixelcnn": (lambda: generative.PixelCNN(channels=1, width=8, depth=2, levels=4), [(2, 1, 12, 12)]),
    "tcn": (lambda: series.TCN(inputs=3, channels=[8, 8, 16], kernel=3, outputs=2), [(2, 24, 3)]),
    "nbeats": (lambda: series.NBeats(context=20, horizon=5, width=32, depth=2, bases=[3, 3, None, None]), [(2, 20)]),
    "dlinear": (lambda: series.DLinear(context=24, horizon=8, kernel=5), [(2, 24, 3)]),
    "tsmixer": (lambda: series.TSMixer(context=24, horizon=8, channels=3, hidden=8, depth=2), [(2, 24, 3)]),
    "dlrm": (
        lambda: tabular.DLRM(dense=5, tables=[10, 20, 30], dim=8, bottom=[16], top=[16, 8]),
        [(2, 5), ((2, 3), 10)],
    ),
    "deepfm": (lambda: tabular.DeepFM(tables=[10, 20, 30], dim=8, hidden=[16, 8]), [((2, 3), 10)]),
    "wide_and_deep": (
        lambda: tabular.WideAndDeep(wide=50, dense=4, tables=[10, 20, 30], dim=8, hidden=[16, 8]),
        [((2, 6), 50), (2, 4), ((2, 3), 10)],
    ),
    "tab_transformer": (
        lambda: tabular.TabTransformer(
            tables=[10, 20, 30], dense=4, dim=16, heads=4, depth=2, hidden=[32, 16], classes=2
        ),
        [((2, 3), 10), (2, 4)],
    ),
}


def measured(module: nn.Module, inputs: dict[str, Any]) -> dict[str, Any]:
    golden.fill_(module.double())
    return golden.measure(module, {"inputs": inputs, "outputs": ["out"]}, torch.float64)


def exact(make: Callable[[], nn.Module]) -> nn.Module:
    """Made in float64, what it computes when it is made included."""
    torch.set_default_dtype(torch.float64)
    try:
        return make()
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", PAPERS)
def test_same_network(name: str) -> None:
    make, given = PAPERS[name]
    reference = exact(make)
    report = archspec.check(HERE / f"{name}.yaml")
    assert report.ok
    assert not report.diagnostics
    module = archspec.compile(HERE / f"{name}.yaml")
    shapes = {key: tuple(t.shape) for key, t in golden.tensors(module).items()}
    assert shapes == {key: tuple(t.shape) for key, t in golden.tensors(reference).items()}
    inputs: dict[str, Any] = {}
    for key, each in zip(report.inputs, given, strict=True):
        if isinstance(each[0], tuple):
            inputs[key] = {"shape": each[0], "dtype": "int64", "rule": "tokens", "high": each[1]}
        else:
            inputs[key] = {"shape": each, "dtype": "float32", "rule": "wave", "scale": 1.0}
    own, theirs = measured(module, inputs), measured(reference, inputs)
    assert own["flops"] == theirs["flops"]
    assert own["outputs"]["out"]["shape"] == theirs["outputs"]["out"]["shape"]
    for field in ("values", "spread", "mean", "std", "l2"):
        assert own["outputs"]["out"][field] == pytest.approx(theirs["outputs"]["out"][field], rel=1e-7, abs=1e-9)
    assert own["grads"].keys() == theirs["grads"].keys()
    assert all(math.isclose(own["grads"][k], v, rel_tol=1e-6, abs_tol=1e-12) for k, v in theirs["grads"].items())
