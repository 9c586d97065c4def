"""What decisions about sizes may cost together."""

from __future__ import annotations

import pytest

import archspec
from archspec.dims import Constraints, Facts, symbol, work

H = symbol("H")
SPEC = """\
inputs: {x: "float32[B, 3, H, H]"}
layers:
  - {max_pool2d: {kernel_size: 2, stride: [51, 53]}}
  - flatten: 2
  - {name: out, unflatten: {dim: 2, sizes: [-1, 7]}}
"""


def ask() -> bool:
    constraints = Constraints(Facts())
    return constraints.divisible((H // 31) * (H // 37), 7)


def test_what_is_not_limited_is_not_counted() -> None:
    assert ask()


def test_the_limit_ends_a_decision_and_only_inside() -> None:
    with pytest.raises(work.WorkSpentError), work.limited(100):
        ask()
    assert ask()
    with work.limited():
        assert ask()


def test_a_check_says_where_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer, and neither is one left behind: the same spec, given more, is checked to its end."""
    assert archspec.check(SPEC).ok
    whole = archspec.check(SPEC).requirements
    archspec.pipeline.forget()  # type: ignore[attr-defined]
    limited = work.limited
    monkeypatch.setattr(work, "limited", lambda: limited(800))
    report = archspec.check(SPEC)
    (error,) = report.diagnostics
    assert (error.code, error.span.line) == ("AS310", 5)
    monkeypatch.undo()
    assert archspec.check(SPEC).requirements == whole
