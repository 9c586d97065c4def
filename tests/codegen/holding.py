"""One spec, compiled, against the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from hypothesis import currently_in_test_context, note
from oracle import run

import archspec
from archspec import pipeline
from archspec.dims import Dim
from archspec.model.build import from_source


def hold(spec: str | Path, sizes: dict[str, int]) -> str:
    """The emitted module has the state that the checker counts, and computes what the oracle does, bit for bit."""
    report = archspec.check(spec)
    assert report.ok, "\n".join(f"{d.code} {d.span} {d.message}" for d in report.diagnostics)
    source = pipeline.emitted(report)
    if currently_in_test_context():
        note(source.text)
    torch.manual_seed(0)
    module = from_source(source).double().eval()
    inputs = {name: _tensor(given, sizes) for name, given in report.inputs.items()}
    kept = {name: x.clone() for name, x in inputs.items()}
    assert report.typed is not None
    assert sum(p.numel() for p in module.parameters()) == report.parameters
    assert sum(p.numel() for p in module.parameters() if p.requires_grad) == report.trainable
    with torch.no_grad():
        expected = run(report.typed, [x.clone() for x in inputs.values()], module.state_dict(), sizes)
        got = module(**inputs) if not isinstance(module, torch.nn.Sequential) else module(*inputs.values())
    if isinstance(got, torch.Tensor):
        got = {next(iter(report.outputs)): got}
    assert list(got) == list(report.outputs)
    for (name, kind), want in zip(report.outputs.items(), expected, strict=True):
        exact = "torch.where(" not in source.text  # else sums are in another order
        torch.testing.assert_close(got[name], want, rtol=0 if exact else 1e-12, atol=0 if exact else 1e-12)
        assert [s.evaluate(sizes) if isinstance(s, Dim) else s for s in kind.shape] == list(got[name].shape)
    for name, x in inputs.items():
        assert torch.equal(x, kept[name]), "the input is left as it was"
    return source.text


def _tensor(given: Any, sizes: dict[str, int]) -> torch.Tensor:
    shape = [s.evaluate(sizes) if isinstance(s, Dim) else s for s in given.shape]
    if given.dtype == "bool":
        return torch.rand(shape) > 0.3
    if given.dtype == "int64":
        return torch.randint(0, 10, shape)
    return torch.randn(shape, dtype=torch.float64)
