"""A size said by way of another is that size, for all values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archspec.dims import Dim, symbol
from archspec.dims.over import over

W = symbol("W")


@given(
    st.integers(1, 6), st.integers(-5, 9), st.integers(-4, 4), st.integers(1, 4), st.integers(-9, 9), st.integers(1, 6)
)
def test_is_that_size(k: int, shift: int, constant: int, q: int, apart: int, scale: int) -> None:
    floor = (W + shift) // k
    for held in (floor + constant, scale * floor + constant, scale * W + constant, floor + W // 2):
        for part in ((W + shift + apart) // (k * q), (W + apart) // (k * q), W):
            found = over(part, held) if isinstance(part, Dim) and isinstance(held, Dim) else None
            if found is not None:
                offset, divisor = found
                for value in range(1, 60):
                    at = {"W": value}
                    assert part.evaluate(at) == (held.evaluate(at) + offset) // divisor


def test_of_networks() -> None:
    """Sizes behind windows of stride 2, one after another, and before and behind a pad."""
    half = (W + 1) // 2
    assert isinstance(half, Dim)
    assert over((W + 3) // 4, half) == (1, 2)  # type: ignore[arg-type]
    assert over((W + 7) // 8, half) == (3, 4)  # type: ignore[arg-type]
    unpadded = (W - 1) // 2  # which is (W + 1)//2 - 1
    assert over((W + 1) // 4, unpadded) == (1, 2)  # type: ignore[arg-type]
    assert over((W + 3) // 4, unpadded) == (2, 2)  # type: ignore[arg-type]
    assert over(half, half + 2) == (-2, 1)  # type: ignore[arg-type]
    assert over(W, 2 * W + 3) == (-3, 2)  # type: ignore[arg-type]
    assert over(W // 2, half) is None  # type: ignore[arg-type]
    assert over(W, half) is None
    joined = half + symbol("T")
    assert over((joined + 2) // 3, joined) == (2, 3)  # type: ignore[arg-type]
