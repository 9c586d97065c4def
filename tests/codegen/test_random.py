"""Emitted modules against the step-by-step oracle, on random specs: same state, same numbers, bit for bit."""

from __future__ import annotations

from typing import Any

import torch
import yaml
from hypothesis import HealthCheck, given, note, settings
from oracle import run

import archspec
from archspec import pipeline
from archspec.model.build import from_source
from specs import specs


def hold(spec: dict[str, Any]) -> None:
    text = yaml.safe_dump(spec, sort_keys=False)
    note(text)
    report = archspec.check(text)
    assert report.ok, "\n".join(f"{d.code} {d.span} {d.message}" for d in report.diagnostics)
    source = pipeline.emitted(report)
    note(source.text)
    torch.manual_seed(0)
    module = from_source(source).double().eval()
    x = torch.randn(3, 8, dtype=torch.float64)
    assert report.typed is not None
    state = module.state_dict()
    assert sum(p.numel() for p in module.parameters()) == report.parameters
    with torch.no_grad():
        expected = run(report.typed, [x.clone()], state)
        before = x.clone()
        got = module(x)
    assert torch.equal(x, before), "the input is left as it was"
    torch.testing.assert_close(got, expected[0], rtol=0, atol=0)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(specs())
def test_emitted_module_agrees_with_the_oracle(spec: dict[str, Any]) -> None:
    hold(spec)
