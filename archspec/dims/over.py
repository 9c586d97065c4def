"""Sizes said by way of other sizes: of `(W + 1)//2`, `(W + 3)//4` is half, rounded up."""

from __future__ import annotations

from archspec.dims.size import Atom, Dim, Floor


def over(part: Dim, given: Dim) -> tuple[int, int] | None:
    """(offset, divisor) for which ``part == (given + offset) // divisor`` at all values; None if none is seen.

    `part` is a symbol, or the floor of a quotient by an integer.
    """
    wanted, held = _lone(part), _lone(given)
    if wanted is None or wanted[1:] != (1, 0):
        return None
    atom = wanted[0]
    if held is not None and held[0] == atom and held[1] > 0:
        return -held[2], held[1]
    if not isinstance(atom, Floor) or not isinstance(atom.den, int):
        return None
    inside = [a.den for m, _ in given.terms for a in m if isinstance(a, Floor) and isinstance(a.den, int)]
    den = inside[0] if len(inside) == 1 else 1
    if atom.den % den or atom.den == den:
        return None
    divisor = atom.den // den
    plain = given // divisor  # of one form with `part`: ``(n//k + m) // q`` is ``(n + m*k) // (k*q)``
    found = _lone(plain) if isinstance(plain, Dim) else None
    if found is None or not isinstance(found[0], Floor):
        return None
    apart = atom.num - found[0].num - found[2] * atom.den
    if not isinstance(apart, int) or apart % den or (given + apart // den) // divisor != part:
        return None
    return apart // den, divisor


def _lone(size: Dim) -> tuple[Atom, int, int] | None:
    """The atom, its factor and the constant of a size that has one atom only."""
    rest = [(m, c) for m, c in size.terms if m]
    if len(rest) != 1 or len(rest[0][0]) != 1:
        return None
    ((atom,), times) = rest[0]
    return atom, times, size.constant
