"""Sets of values against Python's sets of their members up to a limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspec.dims.describe import describe
from archspec.dims.limits import TooComplex
from archspec.dims.values import Part, Values, between, congruence, listed, periodic

LIMIT = 2000  # beyond it every set below is periodic


@st.composite
def value_sets(draw: st.DrawFn) -> Values:
    out = between(1)
    for _ in range(draw(st.integers(1, 2))):
        kind = draw(st.sampled_from(["periodic", "between", "listed", "split"]))
        m = draw(st.integers(1, 12))
        residues = draw(st.sets(st.integers(0, m - 1), min_size=1))
        low, high = draw(st.integers(1, 40)), draw(st.none() | st.integers(40, 120))
        if kind == "periodic":
            out = out & periodic(m, residues)
        elif kind == "between":
            out = out & between(low, high)
        elif kind == "listed":
            out = out & Values(listed(draw(st.sets(st.integers(1, 60), max_size=12))))
        else:  # one pattern up to a number, its complement or another one from there on
            rest = frozenset(range(m)) - residues
            out = out & Values([Part(1, low, m, frozenset(residues)), Part(low + 1, high, m, rest)])
    return out


def members(values: Values) -> set[int]:
    return {n for n in range(1, LIMIT + 1) if n in values}


@given(value_sets(), value_sets())
def test_intersection_and_equality(a: Values, b: Values) -> None:
    both = a & b
    assert members(both) == members(a) & members(b)
    assert (a == b) == (members(a) == members(b))
    assert (both == a) == (members(a) <= members(b))
    assert bool(both) == bool(members(both))


@given(value_sets(), value_sets())
def test_union_of_what_has_no_member_in_common(a: Values, b: Values) -> None:
    apart = [n for n in range(1, 200) if n in b and n not in a]
    union = Values([*a.parts, *listed(apart)])
    assert members(union) == members(a) | set(apart)


@given(st.integers(1, 12), st.sets(st.integers(0, 11)), st.integers(1, 30), st.integers(1, 30))
def test_union_of_interleaved_patterns(m: int, residues: set[int], low: int, other: int) -> None:
    mine = frozenset(r for r in residues if r < m)
    rest = frozenset(range(m)) - mine
    union = Values([Part(low, None, m, mine), Part(other, None, m, rest)])
    expected = {n for n in range(1, LIMIT + 1) if (n >= low if n % m in mine else n >= other)}
    assert members(union) == expected


@given(value_sets(), st.integers(1, 6), st.integers(0, 9))
def test_image(a: Values, times: int, plus: int) -> None:
    assert members(a.map(times, plus)) == {m for n in members(a) if (m := times * n + plus) <= LIMIT}


@given(value_sets(), st.integers(-6, 6).filter(bool), st.integers(-9, 300))
def test_preimage(a: Values, times: int, plus: int) -> None:
    got = a.preimage(times, plus)
    assert {n for n in range(1, 300) if n in got} == {n for n in range(1, 300) if times * n + plus in a}


@given(value_sets())
def test_ends_and_order(a: Values) -> None:
    inside = sorted(members(a))
    if not inside:
        assert not a
        return
    assert a.least == inside[0]
    assert a.greatest in (None, inside[-1])
    assert (a.single is not None) == (len(inside) == 1)
    walked = []
    for n in a:
        if n > LIMIT:
            break
        walked.append(n)
    assert walked == inside


@given(value_sets(), value_sets())
def test_description_is_exact_among_what_was_known(a: Values, known: Values) -> None:
    left = a & known
    if not left:
        return
    words = describe(left, known, "H")
    if words is None:
        return
    code = compile(" and ".join(f"({w})" for w in ["True", *words]), "words", "eval")
    assert {n for n in members(known) if eval(code, {"H": n})} == members(left)


@given(st.integers(-20, 20), st.integers(-50, 50), st.integers(1, 40))
def test_linear_congruence(a: int, b: int, m: int) -> None:
    from math import gcd

    found = congruence(a, b, m)
    period = m // gcd(a, m)
    assert [n for n in range(m) if (a * n - b) % m == 0] == [n for n in range(m) if found and n % period == found[0]]


def test_too_many_residues_are_refused() -> None:
    a, b = periodic(1009, range(1, 1009)), periodic(1013, range(1, 1013))
    with pytest.raises(TooComplex):
        a & b
