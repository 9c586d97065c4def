"""The values of a size for many values of its symbol, each part of it worked out once."""

from __future__ import annotations

from collections.abc import Sequence

from archspec.dims.size import Atom, Extreme, Floor, Size
from archspec.dims.work import charge


def column(size: Size, numbers: Sequence[int]) -> list[int]:
    """The size for each of the numbers in the place of its one symbol. Raises ZeroDivisionError."""
    return list(_size(size, numbers, {}))


def _size(size: Size, numbers: Sequence[int], known: dict[Atom, Sequence[int]]) -> Sequence[int]:
    if isinstance(size, int):
        return [size] * len(numbers)
    charge(len(numbers) * len(size.terms) // 4)
    total: Sequence[int] | None = None
    constant = 0
    for monomial, c in size.terms:
        if not monomial:
            constant = c
            continue
        values = _atom(monomial[0], numbers, known)
        for atom in monomial[1:]:
            values = [a * b for a, b in zip(values, _atom(atom, numbers, known), strict=True)]
        if c != 1:
            values = [c * a for a in values]
        total = values if total is None else [a + b for a, b in zip(total, values, strict=True)]
    assert total is not None
    return [a + constant for a in total] if constant else total


def _atom(atom: Atom, numbers: Sequence[int], known: dict[Atom, Sequence[int]]) -> Sequence[int]:
    found = known.get(atom)
    if found is None:
        if isinstance(atom, Floor) and isinstance(atom.den, int):
            den = atom.den
            found = [a // den for a in _size(atom.num, numbers, known)]
        elif isinstance(atom, Floor):
            both = zip(_size(atom.num, numbers, known), _size(atom.den, numbers, known), strict=True)
            found = [a // b for a, b in both]
        elif isinstance(atom, Extreme):
            pick = max if atom.greatest else min
            found = list(map(pick, *(_size(arg, numbers, known) for arg in atom.args)))
        else:
            found = numbers
        known[atom] = found
    return found
