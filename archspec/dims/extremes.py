"""The canonical form of a maximum or minimum, and bounds on the value of a size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import lcm

from archspec.dims.size import Atom, Dim, Extreme, Floor, Size, Symbol, Term, from_terms, symbol, symbols_of, terms_of
from archspec.dims.work import charge

Interval = tuple["int | None", "int | None"]  # None: no bound
_ANY: Interval = (None, None)
_POSITIVE: Interval = (1, None)
_LARGEST_LEAST = 1 << 16  # that is looked for
_COST = 20  # of comparing two arguments, in steps


def extreme(greatest: bool, args: Iterable[Size]) -> Size:
    """max or min: nested ones flattened, arguments that never win left out, a common part taken out."""
    flat: list[Size] = []
    kept: list[Size] = []
    for arg in args:
        lone = arg.terms[0] if isinstance(arg, Dim) and len(arg.terms) == 1 else ((), 0)
        inner = lone[0][0] if len(lone[0]) == 1 and lone[1] == 1 else None
        if isinstance(inner, Extreme) and inner.greatest == greatest:
            if kept:
                flat += inner.args
            else:
                kept = list(inner.args)  # of which none wins over another
        else:
            flat.append(arg)
    for arg in flat:
        charge(_COST * 2 * len(kept))
        if any(_wins(other, arg, greatest) for other in kept):
            continue
        kept = [other for other in kept if not _wins(arg, other, greatest)]
        kept.append(arg)
    if len(kept) == 1:
        return kept[0]
    shared = dict(terms_of(kept[0]))
    constant = min(shared.pop((), 0), *(dict(terms_of(arg)).get((), 0) for arg in kept[1:]))
    for arg in kept[1:]:
        mine = dict(terms_of(arg))
        shared = {m: c for m, c in shared.items() if mine.get(m) == c}
    common = from_terms([*shared.items(), ((), constant)])
    rest = [arg - common for arg in kept]
    rest.sort(key=lambda arg: (isinstance(arg, int), str(arg)))
    return Extreme(greatest, tuple(rest)).dim + common


@lru_cache(maxsize=1 << 13)
def _wins(a: Size, b: Size, greatest: bool) -> bool:
    low = bounds(a - b if greatest else b - a, {})[0]
    return low is not None and low >= 0


def bounds(size: Size, ranges: Mapping[str, Interval]) -> Interval:
    """An interval that holds every value of the size, for symbols within `ranges` (a symbol not named: 1 or more)."""
    if isinstance(size, int):
        return size, size
    return _bounds(
        size, tuple((name, ranges[name]) for name in sorted(size.symbols) if name in ranges) if ranges else ()
    )


@lru_cache(maxsize=1 << 12)
def _bounds(size: Dim, given: tuple[tuple[str, Interval], ...]) -> Interval:
    ranges = dict(given)
    low, high = _plain(size, ranges)
    if len(size.terms) > 1 and (low is None or high is None) and any(_floored(m) is not None for m, _ in size.terms):
        if low is None:
            low = _relaxed(size, ranges, 6)
        if high is None:
            least = _relaxed(-size, ranges, 6)
            high = None if least is None else -least
    return low, high


def settled_from(size: Size) -> tuple[str, int] | None:
    """The symbol of a size, and the least value from which on the size is one number; None if there is none."""
    names = symbols_of(size)
    if not isinstance(size, Dim) or len(names) != 1:
        return None
    (name,) = names

    def settled(least: int) -> bool:
        return isinstance(size.subs({name: symbol(name) + (least - 1)}), int)

    low, high = 1, _LARGEST_LEAST
    if not settled(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return name, high


def forget_bounds() -> None:
    _bounds.cache_clear()
    _wins.cache_clear()


def _plain(size: Size, ranges: Mapping[str, Interval]) -> Interval:
    low: int | None = 0
    high: int | None = 0
    for m, c in terms_of(size):
        a, b = _product(m, ranges)
        if c < 0:
            a, b = b, a
        low = None if low is None or a is None else low + c * a
        high = None if high is None or b is None else high + c * b
        if low is None and high is None:
            break
    return low, high


def _product(m: tuple[Atom, ...], ranges: Mapping[str, Interval]) -> Interval:
    low: int | None = 1
    high: int | None = 1
    for atom in m:
        a, b = _atom(atom, ranges)
        if a is not None and a >= 0 and low is not None and low >= 0:
            low = low * a
            high = None if high is None or b is None else high * b
        elif low is None or high is None or a is None or b is None:
            return _ANY
        else:
            corners = (low * a, low * b, high * a, high * b)
            low, high = min(corners), max(corners)
    return low, high


def _atom(atom: Atom, ranges: Mapping[str, Interval]) -> Interval:
    if isinstance(atom, Symbol):
        return ranges.get(atom.name, _POSITIVE)
    if isinstance(atom, Floor):
        low, high = bounds(atom.num, ranges)
        if isinstance(atom.den, int):
            return None if low is None else low // atom.den, None if high is None else high // atom.den
        least, most = bounds(atom.den, ranges)
        if low is None or low < 0 or least is None or least < 1:
            return _ANY
        return 0 if most is None else low // most, None if high is None else high // least
    if isinstance(atom, Extreme):
        each = [bounds(arg, ranges) for arg in atom.args]
        pick = max if atom.greatest else min
        lows, highs = [low for low, _ in each if low is not None], [high for _, high in each if high is not None]
        all_low, all_high = len(lows) == len(each), len(highs) == len(each)
        return (
            pick(lows) if lows and (all_low or atom.greatest) else None,
            pick(highs) if highs and (all_high or not atom.greatest) else None,
        )
    return _ANY


def _floored(m: tuple[Atom, ...]) -> Floor | None:
    """A floor by an int among the factors."""
    for atom in m:
        if isinstance(atom, Floor) and isinstance(atom.den, int):
            return atom
    return None


def _relaxed(size: Size, ranges: Mapping[str, Interval], rounds: int) -> int | None:
    """A lower bound by replacing floor(n/d) with n/d or (n - d + 1)/d, which lets terms cancel."""
    scale = 1
    for _ in range(rounds):
        targets = [(m, c, _floored(m)) for m, c in terms_of(size)]
        step = lcm(*(f.den for _, _, f in targets if f is not None and isinstance(f.den, int)))
        if step == 1 or step > 1 << 64:
            break
        out: list[Term] = []
        for m, c, floor in targets:
            if floor is None:
                out.append((m, c * step))
                continue
            rest = list(m)
            rest.remove(floor)
            low = _product(tuple(rest), ranges)[0]
            if low is None or low < 0:
                return None
            assert isinstance(floor.den, int)
            top = floor.num if c < 0 else floor.num - (floor.den - 1)
            out += terms_of(from_terms([(tuple(rest), c * (step // floor.den))]) * top)
        size = from_terms(out)
        scale *= step
        low = _plain(size, ranges)[0]
        if low is not None:
            return -(-low // scale)
    return None
