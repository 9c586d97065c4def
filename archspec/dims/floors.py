"""The canonical form of a floored quotient."""

from __future__ import annotations

from functools import lru_cache
from math import gcd

from archspec.dims.size import Dim, Floor, Monomial, Size, Term, from_terms, terms_of


def divide(num: Size, den: Size) -> Size:
    """``num // den``. A common factor is cancelled: it is not 0 where the quotient exists."""
    if isinstance(den, int):
        if isinstance(num, int):
            return num // den
        if den < 0:
            return _by_int(-num, -den)
        if den < 2:
            if not den:
                raise ZeroDivisionError("division by 0")
            return num
        return _by_int(num, den)
    return _by_dim(num, den)


def _by_int(num: Dim, den: int) -> Size:
    if den == 1:
        return num
    whole: list[Term] = []
    rest: list[Term] = []
    constant = 0
    factor = den
    for m, c in num.terms:
        if not m:
            constant = c
            continue
        q = c // den if c >= 0 else -(-c // den)  # toward zero: a small negative coefficient stays as written
        if q:
            whole.append((m, q))
            c -= q * den
        if c:
            rest.append((m, c))
            factor = gcd(factor, c)
    if not rest:
        return from_terms([*whole, ((), constant // den)])
    if factor > 1:  # floor((g*p + r) / (g*n)) = floor((p + floor(r/g)) / n)
        rest = [(m, c // factor) for m, c in rest]
        constant //= factor
        den //= factor
    nested = _lone_floor(rest)
    if nested is not None:  # floor((±floor(a/k) + r) / n) = floor((±a + k*r [+ k-1]) / (k*n))
        position, inner = nested
        k, sign = inner.den, rest[position][1]
        assert isinstance(k, int)
        others = from_terms([(m, c * k) for i, (m, c) in enumerate(rest) if i != position])
        top = others + inner.num * sign + constant * k + (0 if sign > 0 else k - 1)
        return from_terms([*whole, *terms_of(divide(top, k * den))])
    if rest[0][1] < 0:  # floor(-x/n) = -floor((x + n-1) / n)
        rest = [(m, -c) for m, c in rest]
        constant = den - 1 - constant
        sign = -1
    else:
        sign = 1
    top = from_terms([*rest, ((), constant % den)])
    return from_terms([*whole, ((Floor(top, den),), sign), ((), sign * (constant // den))])


def tidy(size: Size) -> Size:
    """The same size with ``(H + 1)//2`` for ``H - H//2``, and ``H`` for ``H//2 + (H + 1)//2``.

    No canonical form: sums of such would depend on their order.
    """
    if isinstance(size, int) or len(size.terms) < 2 or not any(isinstance(m[-1], Floor) for m, _ in size.terms if m):
        return size
    return _joined(size)


@lru_cache(maxsize=1 << 12)
def _joined(size: Dim) -> Size:
    acc = dict(size.terms)
    for m, _ in size.terms:
        found = _halves(m[0]) if len(m) == 1 and isinstance(m[0], Floor) else None
        c = acc[m]
        if found is None or not c:
            continue
        whole, other = found
        beside = acc.get(other, 0)
        if beside * c > 0:
            times = min(c, beside, key=abs)
            acc[other] -= times
        elif all(acc.get(part, 0) * a * c < 0 and abs(acc[part]) >= abs(a * c) for part, a in whole):
            times = c
            acc[other] = beside - c
        else:
            continue
        acc[m] -= times
        for part, a in whole:
            acc[part] = acc.get(part, 0) + times * a
    return from_terms(acc.items())


@lru_cache(maxsize=1 << 12)
def _halves(floor: Floor) -> tuple[tuple[Term, ...], Monomial] | None:
    """What a floor is one half of, and the other half: for ``(n + 4)//8`` these are ``n//4``, and ``n//8``."""
    if not isinstance(floor.den, int) or floor.den % 2 or not isinstance(floor.num, Dim):
        return None
    half = floor.den // 2
    upper = floor.num.constant >= half
    less = floor.num - half if upper else floor.num
    whole = divide(less, half)
    other = terms_of(divide(less if upper else less + half, floor.den))
    if len(other) != 1 or other[0][1] != 1 or len(other[0][0]) != 1 or isinstance(whole, int):
        return None
    return whole.terms, other[0][0]


def _lone_floor(rest: list[Term]) -> tuple[int, Floor] | None:
    """The only summand with anything but symbols in it, if that is plus or minus one floor by an int."""
    found: tuple[int, Floor] | None = None
    for position, (m, c) in enumerate(rest):
        last = m[-1]  # symbols sort first
        if last.depth == 0:
            continue
        if found or len(m) > 1 or c not in (1, -1) or not isinstance(last, Floor) or not isinstance(last.den, int):
            return None
        found = position, last
    return found


def _by_dim(num: Size, den: Dim) -> Size:
    if isinstance(num, int) and not num:
        return 0
    if all(c < 0 for _, c in den.terms):
        num, den = -num, -den
    quotient, remainder = _long_division(num, den)
    if not remainder:
        return from_terms(quotient)
    whole: list[Term] = []
    if len(den.terms) == 1:  # floor((q*d + r) / d) = q + floor(r/d)
        whole = quotient
    else:
        remainder = list(terms_of(num))
    common = common_factor([*remainder, *den.terms])
    factor = 0
    for _, c in (*remainder, *den.terms):
        factor = gcd(factor, c)
    if common or factor > 1:
        top, bottom = _cancel(remainder, common, factor), _cancel(list(den.terms), common, factor)
        if isinstance(bottom, int):
            return from_terms([*whole, *terms_of(divide(top, bottom))])
        den = bottom
    else:
        top = from_terms(remainder)
    return from_terms([*whole, ((Floor(top, den),), 1)])


def _long_division(num: Size, den: Dim) -> tuple[list[Term], list[Term]]:
    lead, c = den.terms[0]
    quotient: list[Term] = []
    remainder: list[Term] = []
    left = num
    while left:
        m, a = terms_of(left)[0]
        part = without(m, lead)
        if part is None or a % c:
            remainder.append((m, a))
            left = left - from_terms([(m, a)])
            if len(den.terms) > 1:
                return [], list(terms_of(num))  # only an exact quotient is of use
        else:
            quotient.append((part, a // c))
            left = left - from_terms([(part, a // c)]) * den
    return quotient, remainder


def without(m: Monomial, part: Monomial) -> Monomial | None:
    """m / part, or None where part does not divide m."""
    left = list(m)
    for atom in part:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def common_factor(terms: list[Term]) -> Monomial:
    """The greatest monomial that divides all."""
    shared = list(terms[0][0])
    for m, _ in terms[1:]:
        left = list(m)
        kept = []
        for atom in shared:
            if atom in left:
                left.remove(atom)
                kept.append(atom)
        shared = kept
        if not shared:
            break
    return tuple(shared)


def _cancel(terms: list[Term], common: Monomial, factor: int) -> Size:
    out: list[Term] = []
    for m, c in terms:
        left = without(m, common)
        assert left is not None
        out.append((left, c // factor))
    return from_terms(out)
