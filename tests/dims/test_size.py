"""Symbolic arithmetic against Python's on the values."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archspec.dims import Dim, Size, TooComplex, ceil_div, maximum, minimum, symbol
from archspec.dims.extremes import bounds
from archspec.dims.floors import tidy
from archspec.dims.size import evaluate, subs
from tests.dims.strategies import NAMES, Pair, sizes, value_of

B, C, H, W, T = map(symbol, "BCHWT")
VALUES = st.fixed_dictionaries({name: st.integers(1, 60) for name in NAMES})


@settings(max_examples=300, deadline=None)
@given(sizes(), st.lists(VALUES, min_size=1, max_size=6))
def test_a_size_has_the_value_python_computes(pair: Pair, envs: list[dict[str, int]]) -> None:
    size, f = pair
    for env in envs:
        value = value_of(f, env)
        assert evaluate(size, env) == value


@settings(max_examples=200, deadline=None)
@given(sizes(), VALUES)
def test_str_is_python_for_the_same_value(pair: Pair, env: dict[str, int]) -> None:
    size, f = pair
    value = value_of(f, env)
    assert eval(str(size), {"max": max, "min": min}, dict(env)) == value  # the test's own text, not a spec's


@settings(max_examples=300, deadline=None)
@given(sizes(), sizes(("H", "W"), 2), VALUES)
def test_substitution_commutes_with_evaluation(pair: Pair, other: Pair, env: dict[str, int]) -> None:
    size, f = pair
    put, g = other
    inside = value_of(g, env)
    assume(inside >= 1)  # as a symbol is
    value = value_of(f, {**env, "T": inside})
    try:
        new = subs(size, {"T": put})
    except (ZeroDivisionError, TooComplex):
        assume(False)
    assert evaluate(new, env) == value
    assert evaluate(subs(size, {**env, "T": inside}), {}) == value


@settings(max_examples=200, deadline=None)
@given(sizes(), VALUES)
def test_bounds_hold_every_value(pair: Pair, env: dict[str, int]) -> None:
    size, f = pair
    value = value_of(f, env)
    low, high = bounds(size, {})
    assert (low is None or low <= value) and (high is None or value <= high)
    low, high = bounds(size, dict.fromkeys(NAMES, (1, 60)))
    assert (low is None or low <= value) and (high is None or value <= high)


@settings(max_examples=300, deadline=None)
@given(sizes(), sizes(), sizes())
def test_ring_laws_are_structural(a: Pair, b: Pair, c: Pair) -> None:
    x, y, z = a[0], b[0], c[0]
    try:
        assert x + y == y + x and x * y == y * x
        assert (x + y) + z == x + (y + z)
        assert x * (y + z) == x * y + x * z
        assert x - x == 0 and isinstance(x - x, int)
        assert hash(x + y) == hash(y + x)
    except TooComplex:
        assume(False)


@settings(max_examples=300, deadline=None)
@given(sizes(by_size=False), st.integers(1, 9), st.integers(1, 9), st.integers(-20, 20))
def test_floor_identities_are_structural(pair: Pair, m: int, n: int, r: int) -> None:
    x = pair[0]
    assert (m * x) // m == x
    assert (m * x + r) // m == x + r // m
    assert (n * m * x + n * r) // (n * m) == (m * x + r) // m
    assert x % m == x - m * (x // m)
    assert ceil_div(x, m) == -((-x) // m)
    assert x // -m == (-x) // m


@settings(max_examples=200, deadline=None)
@given(st.integers(-9, 9).filter(bool), st.integers(-30, 30), st.integers(1, 12), st.integers(1, 12))
def test_nested_floors_of_a_line_become_one(a: int, b: int, m: int, n: int) -> None:
    line = a * H + b
    assert (line // m) // n == line // (m * n)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (H // 2 + 1, "H//2 + 1"),
        (2 * T - 1, "2*T - 1"),
        (W * H, "H*W"),
        (H % 4, "H % 4"),
        (3 * (H % 4) + 1, "3*(H % 4) + 1"),
        (H % 3 + W % 2, "H % 3 + W % 2"),
        (B * T % 64, "B*T % 64"),
        (T - H, "T - H"),
        (1 - H, "1 - H"),
        (-H, "-H"),
        (-(H // 2), "-(H//2)"),
        (-(H * W // 2), "-(H*W//2)"),
        (H * H * W, "H**2*W"),
        (64 * (H // 2) * (W // 2), "64*(H//2)*(W//2)"),
        (ceil_div(H, 2), "(H + 1)//2"),
        (ceil_div(H, W), "-((-H)//W)"),
        ((H + 2 * 3 - 7) // 2 + 1, "(H + 1)//2"),
        (minimum(T, 1024), "min(T, 1024)"),
        (maximum(H, W) + 1, "max(H, W) + 1"),
        (5 // H, "5//H"),
        (H // (W + 1), "H//(W + 1)"),
        ((H // W) // T, "(H//W)//T"),
    ],
)
def test_it_reads_like_python(size: Size, text: str) -> None:
    assert str(size) == text


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((B * T * 768) // 768, B * T),
        ((4 * H * W) // (H * W), 4),
        ((B * T * 12 * 64) // (B * T), 768),
        (64 * (H // 2) * (W // 2) // ((H // 2) * (W // 2)), 64),
        ((H * H + 2 * H * W + W * W) // (H + W), H + W),
        ((6 * B * T) // (4 * B), 3 * T // 2),
        ((B * T + B) // B, T + 1),
        (maximum(H, 1), H),
        (maximum(H, H + W), H + W),
        (maximum(maximum(H, W), T), maximum(H, maximum(T, W))),
        (minimum(0, H), 0),
    ],
)
def test_what_is_exact_simplifies(size: Size, expected: Size) -> None:
    assert size == expected


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (H - H // 2, "(H + 1)//2"),
        (H // 2 - H, "-((H + 1)//2)"),
        (ceil_div(H, 4) - ceil_div(H, 4) // 2, "(H + 7)//8"),
        ((H - W) - (H - W) // 2, "(H - W + 1)//2"),
        (H // 2 + ceil_div(H, 2) + W, "H + W"),
        (3 * B * (H * W) - 3 * (H // 2), "3*B*H*W - 3*(H//2)"),
        (H % 2, "H % 2"),
        (H - H // 3, "H - H//3"),
    ],
)
def test_halves_are_tidied(size: Dim, text: str) -> None:
    assert str(tidy(size)) == text


@settings(max_examples=200, deadline=None)
@given(sizes(), sizes(), st.integers(0, 3), VALUES)
def test_what_is_tidied_has_its_value(pair: Pair, other: Pair, r: int, env: dict[str, int]) -> None:
    (x, f), (y, g) = pair, other
    a, b = value_of(f, env), value_of(g, env)
    for size, value in (
        (x, a),
        (x - (x + r) // 2, a - (a + r) // 2),
        (y - x // 2 + (x + r) // 4, b - a // 2 + (a + r) // 4),
    ):
        assert evaluate(tidy(size), env) == value


def test_constants_are_ints() -> None:
    for size in (H - H, H * 0, (H + 3) - H, (2 * H) % 2, H // H, (H + 1) * 2 - 2 * H, maximum(3, 4), ceil_div(7, 2)):
        assert type(size) is int
    assert H != 3
    assert symbol("H") is H


def test_symbols_and_names() -> None:
    assert isinstance(H + W // T, Dim)
    assert (H + W // T).symbols == {"H", "W", "T"}  # type: ignore[union-attr]
    assert str(symbol("Block.D")) == "Block.D"
    for bad in ("", "2H", "H W", "a.", "x+y"):
        with pytest.raises(ValueError, match="not a name"):
            symbol(bad)


def test_division_by_nothing() -> None:
    for divide in (lambda: H // 0, lambda: H % 0, lambda: 1 // (H - H), lambda: ceil_div(H, 0)):
        with pytest.raises(ZeroDivisionError):
            divide()
    with pytest.raises(ZeroDivisionError):
        (H // (W // 8)).evaluate({"H": 3, "W": 2})  # type: ignore[union-attr]


def test_render_asks_from_the_whole_down() -> None:
    size = B * (H // 2 + 1) + W
    assert isinstance(size, Dim)
    names = {H: "x.shape[2]", W: "x.shape[3]", B: "x.shape[0]"}
    assert size.render(lambda d: names.get(d)) == "x.shape[0]*(x.shape[2]//2) + x.shape[0] + x.shape[3]"
    assert (H // 2 + 1).render(lambda d: "y.shape[2]" if d == H // 2 + 1 else None) == "y.shape[2]"  # type: ignore[union-attr]
    assert (B * T * 8 + 1).render(lambda d: "n" if d == 8 * B * T else None) == "n + 1"  # type: ignore[union-attr]
    assert minimum(H // 2, T).render(lambda d: "h" if d == H // 2 else None) == "min(h, T)"  # type: ignore[union-attr]


def test_copies_are_equal() -> None:
    size = maximum(H // 2, W) * T - 3
    assert copy.deepcopy(size) == size
    again = pickle.loads(pickle.dumps(size))
    assert again == size and hash(again) == hash(size)


def test_growth_is_bounded() -> None:
    def deep() -> None:
        x: Size = H
        for _ in range(200):
            x = (3 * x + W) // 2

    def wide() -> None:
        x: Size = H + W + T + B + 1
        for _ in range(20):
            x = x * x

    def tall() -> None:
        x: Size = 2 * H
        for _ in range(40):
            x = x * 10**18

    for grow in (deep, wide, tall):
        start = time.perf_counter()
        with pytest.raises(TooComplex):
            grow()
        assert time.perf_counter() - start < 2


def test_import_is_light() -> None:
    code = "import sys; import archspec.dims; print([m for m in ('torch', 'sympy', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
