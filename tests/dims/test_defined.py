"""Where a number that is computed from a size has a value, held against Python's own arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from archspec.dims import Constraints, Real, symbol
from archspec.dims.defined import conditions
from archspec.dims.size import floor_div

T = symbol("T")


def _real(op: str, *args: Any) -> Real:
    return Real(op, args)


CASES: list[tuple[Any, Callable[[int], Any]]] = [
    (_real("/", 1, T - 4), lambda t: 1 / (t - 4)),
    (_real("%", 7, 2 * T - 10), lambda t: 7 % (2 * t - 10)),
    (floor_div(12, T - 4), lambda t: 12 // (t - 4)),
    (floor_div(T, T * T - 9) + 1, lambda t: t // (t * t - 9)),
    (_real("sqrt", T - 4), lambda t: math.sqrt(t - 4)),
    (_real("log", T - 2), lambda t: math.log(t - 2)),
    (_real("log", T - 1, 2), lambda t: math.log(t - 1, 2)),
    (_real("log", 2, T - 3), lambda t: math.log(2, t - 3)),
    (_real("/", 1, _real("log", T)), lambda t: 1 / math.log(t)),
    (_real("/", 1, _real("*", T - 5, _real("sqrt", T - 2))), lambda t: 1 / ((t - 5) * math.sqrt(t - 2))),
    (_real("exp", T), math.exp),
    (_real("**", 2.0, T), lambda t: 2.0**t),
    (_real("**", 1.7, T), lambda t: 1.7**t),
    (_real("**", 0.5, -T), lambda t: 0.5**-t),
    (_real("**", 0.0, T - 6), lambda t: 0.0 ** (t - 6)),
    (_real("**", T - 4, -1), lambda t: float(t - 4) ** -1),
    (_real("**", T - 4, 0.5), lambda t: math.sqrt(t - 4)),
    (_real("/", T, T + 1), lambda t: t / (t + 1)),
]


@pytest.mark.parametrize(("value", "plain"), CASES, ids=[str(value) for value, _ in CASES])
def test_a_number_has_a_value_where_python_has_one(value: Any, plain: Callable[[int], Any]) -> None:
    asked = Constraints()
    for question, a, b in conditions([value]):
        assert getattr(asked, question)(a, b)
    allowed = asked.values("T")
    for t in range(1, 1400):
        try:
            plain(t)
        except (ArithmeticError, ValueError):
            assert t not in allowed, t
        else:
            assert t in allowed, t


def test_what_two_sizes_may_not_be_is_said_of_both() -> None:
    asked, h = Constraints(), symbol("H")
    assert all(getattr(asked, question)(a, b) for question, a, b in conditions([_real("/", 1, T - h)]))
    assert asked.equal(T, h + 3)
    other = Constraints()
    assert other.equal(T, h) and not other.differ(T, h)
