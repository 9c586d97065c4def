"""Which values of a single symbol make a size 0, or at least 0: exactly."""

from __future__ import annotations

from math import gcd

from archspec.dims.column import column
from archspec.dims.extremes import bounds, extreme, forget_bounds
from archspec.dims.size import (
    Atom,
    Dim,
    Extreme,
    Floor,
    Size,
    Symbol,
    floor_div,
    from_terms,
    symbol,
    terms_of,
)
from archspec.dims.values import NONE, Part, Values, between, congruence, listed, periodic
from archspec.dims.work import charge

MAX_PERIOD = 1 << 13  # values tried
MAX_SOLVED = 1 << 11  # answers remembered
MAX_PARTS = 16  # of an answer that is
_FAR = 1 << 64
_ALL = between(1)


_Question = tuple[Dim, str, bool, int]
_solved: dict[_Question, Values | None] = {}


def solve(f: Size, name: str, at_least: bool, depth: int = 8) -> Values | None:
    """The n >= 1 where f is 0 (or with `at_least`, f >= 0) for symbol `name` = n; None where that costs too much."""
    if isinstance(f, int):
        return _ALL if (f >= 0 if at_least else f == 0) else NONE
    question = (f, name, at_least, depth)
    if question in _solved:
        return _solved[question]
    charge(80 * len(f.terms))
    found = _solve(f, name, at_least, depth)
    if found is None or len(found.parts) <= MAX_PARTS:
        if len(_solved) >= MAX_SOLVED:
            _solved.clear()
        _solved[question] = found
    return found


def forget() -> None:
    """Drop what is remembered of earlier questions."""
    _solved.clear()
    forget_bounds()


def _solve(f: Dim, name: str, at_least: bool, depth: int) -> Values | None:
    for sign in (1, -1):
        if _rising(f * sign):
            return _monotone(f * sign, name, at_least, sign)
    found = _extreme_in(f)
    if found is not None:
        return _split(f, found, name, at_least, depth) if depth else None
    if not at_least:
        quick = _remainder(f)
        if quick is not None:
            return quick
    if _linear(f):
        return _quasi_linear(f, name, at_least)
    return _polynomial(f, name, at_least)


# -- monotone: bisection -----------------------------------------------------------------------------------


def _rising(f: Size) -> bool:
    """Is f plainly a non-decreasing function?"""
    if isinstance(f, int):
        return True
    for m, c in f.terms:
        if m and (c < 0 or not all(_rising_atom(a) and (len(m) == 1 or (bounds(a.dim, {})[0] or -1) >= 0) for a in m)):
            return False
    return True


def _rising_atom(atom: Atom) -> bool:
    if isinstance(atom, Floor):
        return isinstance(atom.den, int) and _rising(atom.num)
    return isinstance(atom, Symbol) or (isinstance(atom, Extreme) and all(map(_rising, atom.args)))


def _monotone(f: Size, name: str, at_least: bool, sign: int) -> Values | None:
    """f rises; the size asked about is sign * f."""
    zero = _first(f, name, 0)
    one = _first(f, name, 1) if not at_least or sign < 0 else 0
    if zero is None or one is None:
        return None
    if at_least and sign > 0:
        return between(zero) if zero < _FAR else NONE
    high = None if one >= _FAR else one - 1
    if at_least:
        return between(1, high)
    return between(zero, high) if zero < _FAR else NONE


def _first(f: Size, name: str, value: int) -> int | None:
    """The least n with f >= value; _FAR if there is none; None if that is not known."""
    assert isinstance(f, Dim)
    high = 1
    while f.evaluate({name: high}) < value:
        high *= 2
        if high > _FAR:
            most = bounds(f, {})[1]
            return _FAR if most is not None and most < value else None
    low = high // 2  # f(low) < value, or low is 0
    while high - low > 1:
        middle = (low + high) // 2
        if f.evaluate({name: middle}) < value:
            low = middle
        else:
            high = middle
    return high


# -- maxima and minima: one case for each winner -----------------------------------------------------------


def _extreme_in(f: Size) -> Extreme | None:
    for m, _ in terms_of(f):
        for atom in m:
            inner = atom.args if isinstance(atom, Extreme) else (atom.num, atom.den) if isinstance(atom, Floor) else ()
            for size in inner:
                found = _extreme_in(size)
                if found is not None:
                    return found
            if isinstance(atom, Extreme):
                return atom
    return None


def _split(f: Size, extreme: Extreme, name: str, at_least: bool, depth: int) -> Values | None:
    parts: list[Part] = []
    for i, arg in enumerate(extreme.args):
        here = solve(_Replacement(extreme, arg).size(f), name, at_least, depth - 1)
        for j, other in enumerate(extreme.args):
            if here and i != j:  # the first of equals wins
                lead = (arg - other if extreme.greatest else other - arg) - (1 if j < i else 0)
                wins = solve(lead, name, True, depth - 1)
                here = None if wins is None else here & wins
        if here is None:
            return None
        parts += here.parts
    return Values(parts)


class _Replacement:
    """Puts a size in an extreme's place, wherever it stands; what does not hold it stays as it is."""

    def __init__(self, old: Extreme, new: Size) -> None:
        self.old = old
        self.new = new
        self.done: dict[Dim, Size] = {}

    def size(self, f: Size) -> Size:
        if isinstance(f, int):
            return f
        found = self.done.get(f)
        if found is None:
            found = self.done[f] = self._size(f)
        return found

    def _size(self, f: Dim) -> Size:
        if not any(self._may_hold(atom) for m, _ in f.terms for atom in m):
            return f
        total: Size = 0
        for m, c in f.terms:
            product: Size = c
            for atom in m:
                product = product * self._atom(atom)
            total = total + product
        return total

    def _may_hold(self, atom: Atom) -> bool:
        old = self.old
        return atom == old or (atom.depth > old.depth and old.symbols <= atom.symbols)

    def _atom(self, atom: Atom) -> Size:
        if atom == self.old:
            return self.new
        if not self._may_hold(atom):
            return atom.dim
        if isinstance(atom, Floor):
            num, den = self.size(atom.num), self.size(atom.den)
            return atom.dim if num is atom.num and den is atom.den else floor_div(num, den)
        if isinstance(atom, Extreme):
            args = [self.size(arg) for arg in atom.args]
            if all(new is old for new, old in zip(args, atom.args, strict=True)):
                return atom.dim
            return extreme(atom.greatest, args)
        return atom.dim


# -- floors of linear forms: periodic, but for a slope -----------------------------------------------------


def _remainder(f: Dim) -> Values | None:
    """f = times * (a*n + b - k * ((a*n + b)//k)) + c, whatever the size of k."""
    floors = [(m[0], c) for m, c in f.terms if len(m) == 1 and isinstance(m[0], Floor)]
    if len(floors) != 1 or len(f.terms) > 3 or _period(f) is None:
        return None
    floor, c = floors[0]
    if not isinstance(floor, Floor) or not isinstance(floor.den, int) or c % floor.den:
        return None
    k, times = floor.den, -c // floor.den
    rest = f - times * (floor.num - k * floor.dim)
    inner = terms_of(floor.num)
    (lead, a), *more = inner
    if not isinstance(rest, int) or len(lead) > 1 or not isinstance(lead[0], Symbol) or any(m for m, _ in more):
        return None
    target, off = divmod(-rest, times)
    if off or not 0 <= target < k:
        return NONE
    b = more[0][1] if more else 0
    return periodic(k // gcd(a, k), congruence(a, target - b, k))


def _linear(f: Size) -> bool:
    """A sum of the symbol and floors of such sums by ints?"""
    return all(
        not m or (len(m) == 1 and (not isinstance(m[0], Floor) or (isinstance(m[0].den, int) and _linear(m[0].num))))
        for m, _ in terms_of(f)
    )


def _period(f: Size) -> int | None:
    """p such that f(n + p) - f(n) is a polynomial in n with integer coefficients."""
    out = 1
    for m, _ in terms_of(f):
        for atom in m:
            p: int | None = 1
            if isinstance(atom, Floor):
                p = _period(atom.num)
                if p is None or not isinstance(atom.den, int):
                    return None
                step = p * atom.den
                (lead, c), *more = terms_of(atom.num)
                if len(lead) == 1 and isinstance(lead[0], Symbol) and not any(m for m, _ in more):
                    step = atom.den // gcd(c, atom.den)
                p = step
            elif isinstance(atom, Extreme):
                return None
            assert p is not None
            out = out // gcd(out, p) * p
            if out > _FAR:
                return None
    return out


def _quasi_linear(f: Dim, name: str, at_least: bool) -> Values | None:
    period = _period(f)
    if period is None or period > MAX_PERIOD:
        return None
    numbers = range(1, period + 2)
    values = dict(zip(numbers, column(f, numbers), strict=True))
    rise = values.pop(1 + period) - values[1]
    if not rise:
        return periodic(period, (n % period for n, v in values.items() if (v >= 0 if at_least else v == 0)))
    if not at_least:
        hits = ((n, divmod(-v, rise)) for n, v in values.items())
        return Values(listed(n + period * turns for n, (turns, off) in hits if turns >= 0 and not off))
    if rise > 0:
        starts = [n + period * max(0, -(v // rise)) for n, v in values.items()]
        settled = max(1, max(starts) - period + 1)
        inside = [range(n, settled, period) for n in starts]
        whole = [Part(settled, None, 1, frozenset((0,)))]
    else:
        ends = [n + period * (v // -rise + 1 if v >= 0 else 0) for n, v in values.items()]  # first that fails
        settled = min(ends)
        inside = [range(end - period, settled, -period) for end in ends]
        whole = [Part(1, settled - 1, 1, frozenset((0,)))]
    if sum(map(len, inside)) > MAX_PERIOD:
        return None
    return Values([*listed(n for r in inside for n in r), *whole])


# -- products: a polynomial for each residue ---------------------------------------------------------------


def _polynomial(f: Dim, name: str, at_least: bool) -> Values | None:
    period = _period(f)
    if period is None or period > MAX_PERIOD // 16:
        return None
    turn = symbol(name)
    forms: list[dict[int, int]] = []
    settled = 1  # from this turn on no form changes its sign
    for n in range(1, period + 1):
        charge(300 * len(f.terms))
        g = f.subs({name: period * turn + (n - period)})
        if any(not isinstance(a, Symbol) for m, _ in terms_of(g) for a in m):
            return None
        form = {len(m): c for m, c in terms_of(g)}
        if form:
            settled = max(settled, 2 + max(map(abs, form.values())) // abs(form[max(form)]))
        forms.append(form)
    if settled * period > MAX_PERIOD:
        return None
    charge(4 * settled * period)
    few: list[int] = []
    tail: set[int] = set()
    for n, form in enumerate(forms, 1):
        for t in range(1, settled):
            value = sum(c * t**d for d, c in form.items())
            if value >= 0 if at_least else value == 0:
                few.append(n + period * (t - 1))
        if not form or (at_least and form[max(form)] > 0):
            tail.add(n % period)
    return Values([*listed(few), Part(period * (settled - 1) + 1, None, period, frozenset(tail))])


def level_range(f: Dim, name: str, within: Values) -> tuple[int, int] | None:
    """The least and greatest value of a size that only repeats; None where it grows, or is dear to try."""
    if not _linear(f):
        return None
    period = _period(f)
    if period is None or period > MAX_PERIOD // 16 or f.evaluate({name: 1 + period}) != f.evaluate({name: 1}):
        return None
    charge(50 * period)
    numbers = [n for n in range(1, period + 1) if within & periodic(period, (n % period,))]
    values = column(f, numbers)
    return min(values), max(values)


def linear_in(f: Size, name: str) -> tuple[int, Size] | None:
    """f = c * name + rest with the symbol nowhere in `rest`."""
    coefficient = 0
    rest = []
    for m, c in terms_of(f):
        if len(m) == 1 and isinstance(m[0], Symbol) and m[0].name == name:
            coefficient = c
        elif any(name in a.symbols for a in m):
            return None
        else:
            rest.append((m, c))
    return (coefficient, from_terms(rest)) if coefficient else None
