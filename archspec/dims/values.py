"""Sets of positive integers that are periodic in stretches: what a symbol may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import gcd, lcm
from typing import NamedTuple

from archspec.dims.limits import TooComplex
from archspec.dims.work import charge

MAX_RESIDUES = 1 << 14
_EVERY = frozenset((0,))


class Part(NamedTuple):
    """The n with low <= n <= high (None: no end) and n % modulus in residues."""

    low: int
    high: int | None
    modulus: int
    residues: frozenset[int]

    def first(self, least: int) -> int | None:
        """The least member from `least` on."""
        least = max(least, self.low)
        if not self.residues:
            return None
        found = least if self.modulus == 1 else least + min((r - least) % self.modulus for r in self.residues)
        return found if self.high is None or found <= self.high else None

    def last(self) -> int | None:
        """The greatest member; only of a part that ends and has one."""
        assert self.high is not None
        if self.modulus == 1:
            return self.high
        return self.high - min((self.high - r) % self.modulus for r in self.residues)

    def count(self, most: int) -> int:
        """How many members are not above `most`."""
        high = most if self.high is None else min(most, self.high)
        if high < self.low:
            return 0
        if self.modulus == 1:
            return (high - self.low + 1) * len(self.residues)
        return sum((high - r) // self.modulus - (self.low - 1 - r) // self.modulus for r in self.residues)


class Values:
    """A union of parts that have no member in common."""

    __slots__ = ("parts",)

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts = _normal(parts)

    def __bool__(self) -> bool:
        return bool(self.parts)

    def __contains__(self, n: int) -> bool:
        return any(p.low <= n and (p.high is None or n <= p.high) and n % p.modulus in p.residues for p in self.parts)

    def __iter__(self) -> Iterator[int]:
        for part in self.parts:
            n = part.first(part.low)
            while n is not None:
                charge(2 + len(part.residues))
                yield n
                n = part.first(n + 1)

    @property
    def least(self) -> int:
        return self.parts[0].low

    @property
    def greatest(self) -> int | None:
        return self.parts[-1].high

    @property
    def single(self) -> int | None:
        """The only member, if there is just one."""
        return self.least if len(self.parts) == 1 and self.parts[0].high == self.parts[0].low else None

    def __and__(self, other: Values) -> Values:
        """What is in both. Raises TooComplex where the residues are too many."""
        out = []
        for a in self.parts:
            for b in other.parts:
                low = max(a.low, b.low)
                high = a.high if b.high is None else b.high if a.high is None else min(a.high, b.high)
                if high is None or low <= high:
                    out.append(Part(low, high, *_both(a, b)))
        return Values(out)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Values):
            return NotImplemented
        if self.parts == other.parts:
            return True
        both = self & other
        return self._is(both) and other._is(both)

    __hash__ = None  # type: ignore[assignment]

    def _is(self, subset: Values) -> bool:
        """Does the subset have every member?"""
        if not self or not subset:
            return not self
        ends = [n for v in (self, subset) for p in v.parts for n in (p.low, p.high or 0)]
        settled = max(ends)
        if sum(p.count(settled) for p in self.parts) != sum(p.count(settled) for p in subset.parts):
            return False
        mine, its = self.parts[-1], subset.parts[-1]
        if mine.high is None and its.high is None:
            return len(mine.residues) * its.modulus == len(its.residues) * mine.modulus
        return (mine.high is None) == (its.high is None)

    def map(self, times: int, plus: int) -> Values:
        """{times * n + plus}, for times >= 1."""
        return Values(
            Part(
                p.low * times + plus,
                None if p.high is None else p.high * times + plus,
                p.modulus * times,
                frozenset((r * times + plus) % (p.modulus * times) for r in p.residues),
            )
            for p in self.parts
        )

    def preimage(self, times: int, plus: int) -> Values:
        """{n >= 1: times * n + plus is a member}, for times other than 0."""
        out = []
        for p in self.parts:
            charge(8 * len(p.residues))
            modulus = p.modulus // gcd(p.modulus, times)
            residues: set[int] = set()
            for r in p.residues:
                residues |= set(congruence(times, r - plus, p.modulus))
            ends = [-((plus - p.low) // times) if times > 0 else (p.low - plus) // times]
            if p.high is not None:
                ends.append((p.high - plus) // times if times > 0 else -((plus - p.high) // times))
            if times > 0:
                low, high = ends[0], ends[1] if len(ends) > 1 else None
            else:
                low, high = ends[1] if len(ends) > 1 else 1, ends[0]
            out.append(Part(max(low, 1), high, modulus, frozenset(residues)))
        return Values(out)


def union(a: Values, b: Values) -> Values:
    """What is in one of both. Raises TooComplex where the residues are too many."""
    return Values((*a.parts, *b.parts)) if a and b else a or b


def congruence(a: int, b: int, m: int) -> tuple[int, ...]:
    """The n mod m/gcd(a, m) with a*n = b mod m: one or none."""
    g = gcd(a, m)
    if b % g:
        return ()
    m //= g
    return ((b // g) * pow(a // g, -1, m) % m,) if m > 1 else (0,)


def between(low: int, high: int | None = None) -> Values:
    """low <= n <= high."""
    return Values((Part(low, high, 1, _EVERY),))


def periodic(modulus: int, residues: Iterable[int]) -> Values:
    """n >= 1 with n % modulus among the residues."""
    return Values((Part(1, None, modulus, frozenset(residues)),))


def listed(members: Iterable[int]) -> list[Part]:
    """Parts for a few members, consecutive ones in one."""
    out: list[Part] = []
    for n in sorted(set(members)):
        if out and out[-1].high == n - 1:
            out[-1] = out[-1]._replace(high=n)
        else:
            out.append(Part(n, n, 1, _EVERY))
    return out


def _both(a: Part, b: Part) -> tuple[int, frozenset[int]]:
    m, n = a.modulus, b.modulus
    charge(4 + len(a.residues) + len(b.residues))
    if m == n:
        return m, a.residues & b.residues
    if m % n == 0:
        return m, frozenset(r for r in a.residues if r % n in b.residues)
    if n % m == 0:
        return n, frozenset(r for r in b.residues if r % m in a.residues)
    if len(a.residues) * len(b.residues) > MAX_RESIDUES:
        raise TooComplex
    charge(4 * len(a.residues) * len(b.residues))
    g = gcd(m, n)
    out = set()
    for r in a.residues:
        for s in b.residues:
            if (s - r) % g == 0:
                out.add(r + m * congruence(m // g, (s - r) // g, n // g)[0])
    return m // g * n, frozenset(out)


def _smaller(modulus: int, residues: frozenset[int]) -> tuple[int, frozenset[int]]:
    """The same residues with the least modulus."""
    left, prime = modulus, 2
    while left > 1:
        if prime * prime > left:
            prime = left
        if prime > MAX_RESIDUES:
            break  # too many residues would have to agree
        while left % prime == 0:
            left //= prime
            if len(residues) % prime == 0:
                step = modulus // prime
                if all((r + step) % modulus in residues for r in residues):
                    modulus, residues = step, frozenset(r % step for r in residues)
        prime += 1
    return modulus, residues


def _apart(parts: list[Part]) -> list[Part]:
    """Parts whose ranges overlap (not their members), as parts that lie one after another."""
    charge(4 * sum(len(p.residues) for p in parts) + len(parts) ** 2)
    starts = sorted({p.low for p in parts} | {p.high + 1 for p in parts if p.high is not None})
    out: list[Part] = []
    for low, following in zip(starts, [*starts[1:], None], strict=True):
        here = [p for p in parts if p.low <= low and (p.high is None or p.high >= low)]
        modulus = lcm(*(p.modulus for p in here))
        if sum(len(p.residues) * (modulus // p.modulus) for p in here) > MAX_RESIDUES:
            raise TooComplex
        residues = frozenset(r + k for p in here for r in p.residues for k in range(0, modulus, p.modulus))
        high = None if following is None else following - 1
        low_member = Part(low, high, modulus, residues).first(low)
        if low_member is not None:
            part = Part(low_member, high, *_smaller(modulus, residues))
            out.append(part if high is None else part._replace(high=part.last()))
    return out


def _normal(parts: Iterable[Part]) -> tuple[Part, ...]:
    out: list[Part] = []
    for part in parts:
        charge(8 + 2 * len(part.residues))
        low = part.first(part.low)
        if low is None:
            continue
        modulus, residues = _smaller(part.modulus, part.residues)
        high = None if part.high is None else part.last()
        if high == low:
            modulus, residues = 1, _EVERY
        out.append(Part(low, high, modulus, residues))
    if len(out) < 2:
        return tuple(out)
    out.sort(key=lambda p: p.low)
    if any(a.high is None or a.high >= b.low for a, b in pairwise(out)):
        out = _apart(out)
    merged = out[:1]
    for part in out[1:]:
        before = merged[-1]
        if before.high == before.low and part.residues and before.low % part.modulus in part.residues:
            before = part._replace(low=before.low, high=before.low)  # one member fits any pattern
        if part.high == part.low and before.residues and part.low % before.modulus in before.residues:
            part = before._replace(low=part.low, high=part.high)
        assert before.high is not None
        if before[2:] == part[2:] and part.first(part.low) == before._replace(high=None).first(before.high + 1):
            merged[-1] = before._replace(high=part.high)
        else:
            merged.append(part)
    return tuple(merged)


NONE = Values(())
