"""Many values at once are the values one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspec.dims import Dim, maximum, minimum, symbol
from archspec.dims.column import column
from archspec.dims.size import Size

n = symbol("n")
LEAVES = st.one_of(st.just(n), st.integers(-9, 9))


def _grown(inner: st.SearchStrategy[Size]) -> st.SearchStrategy[Size]:
    return st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(lambda a, k: a // k, inner, st.integers(1, 9)),
        st.builds(lambda a, b: a // (b * b + 1), inner, inner),
        st.builds(maximum, inner, inner),
        st.builds(minimum, inner, inner),
    )


@given(st.recursive(LEAVES, _grown, max_leaves=8))
def test_column(size: Size) -> None:
    numbers = [1, 2, 3, 7, 32, 1000]
    expected = [size.evaluate({"n": number}) if isinstance(size, Dim) else size for number in numbers]
    assert column(size, numbers) == expected


def test_division_by_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        column(n // (n - 3), range(1, 5))
