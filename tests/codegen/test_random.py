"""Emitted modules against the step-by-step oracle, on random specs: same state, same numbers, bit for bit."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from holding import hold
from hypothesis import HealthCheck, given, note, settings

from specs import specs


def _hold(spec: dict[str, Any]) -> None:
    text = yaml.safe_dump(spec, sort_keys=False)
    note(text)
    hold(text, {"B": 3})


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(specs())
def test_emitted_module_agrees_with_the_oracle(spec: dict[str, Any]) -> None:
    _hold(spec)


@pytest.mark.slow
@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs())
def test_emitted_module_agrees_with_the_oracle_at_length(spec: dict[str, Any]) -> None:
    _hold(spec)
