"""Random sizes, each with the Python function that it should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from archspec.dims import Size, TooComplex, ceil_div, maximum, minimum, symbol

NAMES = ("H", "W", "T")
Pair = tuple[Size, Callable[[dict[str, int]], int]]  # a size, and how Python computes it


def _binary(name: str, a: Pair, b: Pair) -> Pair:
    (x, f), (y, g) = a, b
    ops: dict[str, Callable[[Any, Any], Any]] = {
        "+": lambda p, q: p + q,
        "-": lambda p, q: p - q,
        "*": lambda p, q: p * q,
        "//": lambda p, q: p // q,
        "%": lambda p, q: p % q,
    }
    pairs: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
        "max": (maximum, max),
        "min": (minimum, min),
        "ceil": (ceil_div, lambda p, q: -(-p // q)),
    }
    symbolic, plain = pairs[name] if name in pairs else (ops[name], ops[name])
    return symbolic(x, y), lambda env: plain(f(env), g(env))


@st.composite
def sizes(draw: st.DrawFn, names: tuple[str, ...] = NAMES, depth: int = 4, by_size: bool = True) -> Pair:
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        if draw(st.booleans()):
            name = draw(st.sampled_from(names))
            return symbol(name), lambda env: env[name]
        n = draw(st.integers(-9, 9))
        return n, lambda env: n
    op = draw(st.sampled_from(["+", "-", "*", "//", "//", "%", "max", "min", "ceil"]))
    a = draw(sizes(names, depth - 1, by_size))
    if op in ("//", "%", "ceil") and (not by_size or draw(st.integers(0, 3))):
        k = draw(st.integers(-6, 12).filter(bool))
        b: Pair = (k, lambda env: k)
    else:
        b = draw(sizes(names, depth - 1, by_size))
    try:
        return _binary(op, a, b)
    except (ZeroDivisionError, TooComplex):
        assume(False)
        raise


def value_of(f: Callable[[dict[str, int]], int], env: dict[str, int]) -> int:
    try:
        return f(env)
    except ZeroDivisionError:
        assume(False)
        raise
