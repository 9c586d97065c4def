"""A difference of sizes made simpler without changing when it is 0 (or at least 0)."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

from archspec.dims.extremes import Interval, bounds
from archspec.dims.floors import common_factor, without
from archspec.dims.render import as_remainder
from archspec.dims.size import Dim, Size, Term, from_terms, terms_of
from archspec.dims.solve import linear_in


def reduced(f: Dim, at_least: bool, ranges: Mapping[str, Interval]) -> Size | bool:
    """f without its common factors; a bool where that alone decides the question."""
    factor = 0
    constant = 0
    for m, c in f.terms:
        if m:
            factor = gcd(factor, c)
        else:
            constant = c
    if constant % factor and not at_least:
        return False  # the rest is a multiple of what the constant is not
    sign = -1 if not at_least and f.terms[0][1] < 0 else 1
    terms: list[Term] = [(m, sign * c // factor) for m, c in f.terms if m]
    if constant:
        terms.append(((), sign * constant // factor))
    else:
        common = tuple(a for a in common_factor(terms) if (bounds(a.dim, ranges)[0] or 0) >= 1)
        if common:
            terms = [(rest, c) for m, c in terms for rest in (without(m, common),) if rest is not None]
    out = from_terms(terms)
    if isinstance(out, int):
        return out >= 0 if at_least else out == 0
    return out


def components(f: Dim) -> tuple[list[Dim], int]:
    """f as a sum of parts that share no symbol, and its constant."""
    groups: list[tuple[set[str], list[Term]]] = []
    for m, c in f.terms:
        if not m:
            continue
        names = {name for a in m for name in a.symbols}
        terms = [(m, c)]
        apart = []
        for group in groups:
            if names.isdisjoint(group[0]):
                apart.append(group)
            else:
                names |= group[0]
                terms = group[1] + terms
        groups = [*apart, (names, terms)]
    parts = [from_terms(terms) for _, terms in groups]
    return [p for p in parts if isinstance(p, Dim)], f.constant


def solved_form(f: Dim) -> tuple[str, Size] | None:
    """A symbol that f == 0 gives in terms of the others, and that size."""
    for name in sorted(f.symbols, reverse=True):
        found = linear_in(f, name)
        if found is not None and abs(found[0]) == 1 and len(terms_of(found[1])) <= 4:
            return name, found[1] * -found[0]
    return None


def as_line(size: Size) -> tuple[str, int, int] | None:
    """(name, times, plus) of ``times * name + plus``."""
    if isinstance(size, Dim) and len(size.symbols) == 1:
        (name,) = size.symbols
        found = linear_in(size, name)
        if found is not None and isinstance(found[1], int):
            return name, found[0], found[1]
    return None


def written(f: Dim, at_least: bool) -> str:
    """The condition f == 0 (f >= 0) as a reader would put it: `S == T`, `B*T % 64 == 0`."""
    if not at_least:
        found = as_remainder(f)
        if found is not None and isinstance(found[2], int) and found[2] % found[0] == 0:
            times, floor, rest = found
            return f"{floor.num - floor.den * floor.dim} == {-rest // times}"
    left = from_terms((m, c) for m, c in f.terms if c > 0)
    right = from_terms((m, -c) for m, c in f.terms if c < 0)
    return f"{left} {'>=' if at_least else '=='} {right}"
