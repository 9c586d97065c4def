"""Symbolic sizes: polynomials with integer coefficients over symbols, floors, maxima and minima.

A symbol stands for a positive integer. A `Dim` is kept in one canonical form, so that `==` and `hash` are structural
and cheap; a constant is always a plain `int`. Sizes that are equal but of different form (``H - H//2`` and
``(H + 1)//2``) are told by `Constraints.equal`, which decides on values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Union

from archspec.dims.limits import MAX_BITS, MAX_DEGREE, MAX_DEPTH, MAX_KEY, MAX_TERMS, TooComplex


class Atom:
    """What a polynomial is over. `key` orders atoms, and two atoms are equal exactly if their keys are."""

    __slots__ = ("_dim", "_hash", "depth", "key", "symbols")
    key: tuple[int, str]
    symbols: frozenset[str]
    depth: int
    _hash: int
    _dim: Dim | None

    def __init__(self, key: tuple[int, str], symbols: frozenset[str], depth: int) -> None:
        if depth > MAX_DEPTH:
            raise TooComplex
        self.key = key
        self.symbols = symbols
        self.depth = depth
        self._hash = hash(key)
        self._dim = None

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Atom) and self._hash == other._hash and self.key == other.key)

    @property
    def dim(self) -> Dim:
        """The atom as a size."""
        found = self._dim
        if found is None:
            found = self._dim = Dim((((self,), 1),))
        return found

    def evaluate(self, values: Mapping[str, int]) -> int:
        raise NotImplementedError

    def subs(self, values: Mapping[str, Size]) -> Size:
        raise NotImplementedError


class Symbol(Atom):
    """A named positive integer."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__((0, name), frozenset((name,)), 0)
        self.name = name

    def __reduce__(self) -> tuple[object, ...]:
        return Symbol, (self.name,)

    def evaluate(self, values: Mapping[str, int]) -> int:
        return values[self.name]

    def subs(self, values: Mapping[str, Size]) -> Size:
        return values.get(self.name, self.dim)


class Floor(Atom):
    """``num // den``; an int `den` is at least 2."""

    __slots__ = ("den", "num")

    def __init__(self, num: Size, den: Size) -> None:
        key = (1, f"({_key(num)})//({_key(den)})")
        super().__init__(key, symbols_of(num) | symbols_of(den), 1 + max(_depth(num), _depth(den)))
        self.num = num
        self.den = den

    def __reduce__(self) -> tuple[object, ...]:
        return Floor, (self.num, self.den)

    def evaluate(self, values: Mapping[str, int]) -> int:
        return evaluate(self.num, values) // evaluate(self.den, values)

    def subs(self, values: Mapping[str, Size]) -> Size:
        return floor_div(subs(self.num, values), subs(self.den, values))


class Extreme(Atom):
    """The greatest or the least of two or more sizes."""

    __slots__ = ("args", "greatest")

    def __init__(self, greatest: bool, args: tuple[Size, ...]) -> None:
        key = (2, f"{'max' if greatest else 'min'}({','.join(map(_key, args))})")
        super().__init__(key, frozenset().union(*map(symbols_of, args)), 1 + max(map(_depth, args)))
        self.greatest = greatest
        self.args = args

    def __reduce__(self) -> tuple[object, ...]:
        return Extreme, (self.greatest, self.args)

    def evaluate(self, values: Mapping[str, int]) -> int:
        return (max if self.greatest else min)(evaluate(a, values) for a in self.args)

    def subs(self, values: Mapping[str, Size]) -> Size:
        return _extreme(self.greatest, [subs(a, values) for a in self.args])


Monomial = tuple[Atom, ...]
Term = tuple[Monomial, int]


class Dim:
    """A canonical symbolic size. Make one with `symbol` and arithmetic (``+ - * // % **``, unary ``-``).

    `terms` is the sum: each a monomial (atoms in order, repeated for a power; empty for the constant) with its
    coefficient, highest degree first and the constant last. Raises TooComplex where a result grows beyond reason, and
    ZeroDivisionError on division by 0.
    """

    __slots__ = ("_hash", "_key", "_symbols", "terms", "text")
    terms: tuple[Term, ...]
    text: tuple[str, int] | None  # itself as Python source, and how tightly that binds: see render.py

    def __init__(self, terms: tuple[Term, ...]) -> None:
        self.terms = terms
        self._hash: int | None = None
        self._key: str | None = None
        self.text = None
        self._symbols: frozenset[str] | None = None

    def __hash__(self) -> int:
        found = self._hash
        if found is None:
            found = self._hash = hash(self.terms)
        return found

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Dim) and self.terms == other.terms

    def __reduce__(self) -> tuple[object, ...]:
        return Dim, (self.terms,)  # hashes differ from process to process

    @property
    def symbols(self) -> frozenset[str]:
        """Names of the symbols in it."""
        found = self._symbols
        if found is None:
            found = self._symbols = frozenset().union(*(a.symbols for m, _ in self.terms for a in m))
        return found

    @property
    def constant(self) -> int:
        """The constant summand."""
        last, c = self.terms[-1]
        return 0 if last else c

    # -- arithmetic ----------------------------------------------------------------------------------------

    def __add__(self, other: Size) -> Size:
        if isinstance(other, int):
            return _shift(self, other) if other else self
        if not isinstance(other, Dim):
            return NotImplemented
        return _sum(self, other, 1)

    __radd__ = __add__

    def __sub__(self, other: Size) -> Size:
        if isinstance(other, int):
            return _shift(self, -other) if other else self
        if not isinstance(other, Dim):
            return NotImplemented
        return _sum(self, other, -1)

    def __rsub__(self, other: int) -> Size:
        return -self + other

    def __neg__(self) -> Dim:
        return Dim(tuple((m, -c) for m, c in self.terms))

    def __mul__(self, other: Size) -> Size:
        if isinstance(other, int):
            if other == 1:
                return self
            if not other:
                return 0
            if other.bit_length() > MAX_BITS:
                raise TooComplex
            return _checked(tuple((m, c * other) for m, c in self.terms))
        if not isinstance(other, Dim):
            return NotImplemented
        if len(self.terms) * len(other.terms) > 4 * MAX_TERMS:
            raise TooComplex
        acc: dict[Monomial, int] = {}
        for m, c in self.terms:
            for n, d in other.terms:
                product = _monomial(m + n) if m and n else m or n
                acc[product] = acc.get(product, 0) + c * d
        return _collect(acc)

    __rmul__ = __mul__

    def __pow__(self, power: int) -> Size:
        if not isinstance(power, int) or power < 0:
            return NotImplemented
        if power > MAX_DEGREE:
            raise TooComplex
        out: Size = 1
        for _ in range(power):
            out = self * out
        return out

    def __floordiv__(self, other: Size) -> Size:
        return floor_div(self, other) if isinstance(other, (int, Dim)) else NotImplemented

    def __rfloordiv__(self, other: int) -> Size:
        return floor_div(other, self) if isinstance(other, int) else NotImplemented

    def __mod__(self, other: Size) -> Size:
        return self - other * floor_div(self, other) if isinstance(other, (int, Dim)) else NotImplemented

    def __rmod__(self, other: int) -> Size:
        return other - self * floor_div(other, self) if isinstance(other, int) else NotImplemented

    def subs(self, values: Mapping[str, Size]) -> Size:
        """The size with sizes put in for symbols; symbols not named stay."""
        if self.symbols.isdisjoint(values):
            return self
        total: Size = 0
        for m, c in self.terms:
            product: Size = c
            for atom in m:
                product = product * (atom.subs(values) if not atom.symbols.isdisjoint(values) else atom.dim)
            total = total + product
        return total

    def evaluate(self, values: Mapping[str, int]) -> int:
        """Its value; raises KeyError for a symbol without one, and ZeroDivisionError."""
        total = 0
        for m, c in self.terms:
            for atom in m:
                c *= atom.evaluate(values)
            total += c
        return total

    def render(self, atom: Callable[[Dim], str | None]) -> str:
        """Python source. `atom` is asked for each sub-expression, from the whole down, and may give its text."""
        from archspec.dims.render import render

        return render(self, atom)

    def __str__(self) -> str:
        if self.text is None:
            from archspec.dims.render import as_it_is, render

            return render(self, as_it_is)  # which keeps it
        return self.text[0]

    def __repr__(self) -> str:
        return f"<Dim {self}>"


Size = Union[int, Dim]  # noqa: UP007 - Dim is not yet a type when annotations above are read


@lru_cache(maxsize=4096)
def symbol(name: str) -> Dim:
    """The size called `name` (an identifier, or several with dots between); a positive integer."""
    if not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(f"not a name for a size: {name!r}")
    return Symbol(name).dim


def ceil_div(a: Size, b: Size) -> Size:
    """a / b rounded up."""
    return (a + b - 1) // b if isinstance(b, int) and b > 0 else -(-a // b)


def maximum(a: Size, b: Size) -> Size:
    """The greater of two sizes."""
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else _extreme(True, [a, b])


def minimum(a: Size, b: Size) -> Size:
    """The lesser of two sizes."""
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else _extreme(False, [a, b])


def evaluate(size: Size, values: Mapping[str, int]) -> int:
    return size if isinstance(size, int) else size.evaluate(values)


def subs(size: Size, values: Mapping[str, Size]) -> Size:
    return size if isinstance(size, int) else size.subs(values)


def symbols_of(size: Size) -> frozenset[str]:
    return frozenset() if isinstance(size, int) else size.symbols


def terms_of(size: Size) -> tuple[Term, ...]:
    if isinstance(size, int):
        return (((), size),) if size else ()
    return size.terms


def from_terms(terms: Iterable[Term]) -> Size:
    """The sum of terms whose monomials are canonical (taken from sizes)."""
    acc: dict[Monomial, int] = {}
    for m, c in terms:
        acc[m] = acc.get(m, 0) + c
    return _collect(acc)


def _key(size: Size) -> str:
    if isinstance(size, int):
        return str(size)
    found = size._key
    if found is None:
        found = size._key = "+".join(["*".join([str(c), *(a.key[1] for a in m)]) for m, c in size.terms])
        if len(found) > MAX_KEY:
            raise TooComplex
    return found


def _depth(size: Size) -> int:
    return 0 if isinstance(size, int) else max(a.depth for m, _ in size.terms for a in m)


def _atom_order(atom: Atom) -> tuple[int, str]:
    return atom.key


def _monomial(atoms: Monomial) -> Monomial:
    if len(atoms) > MAX_DEGREE:
        raise TooComplex
    return tuple(sorted(atoms, key=_atom_order))


def _order(term: Term) -> tuple[int, list[tuple[int, str]]]:
    """Graded lexicographic: an order of monomials that multiplication keeps (polynomial division needs that)."""
    return -len(term[0]), [a.key for a in term[0]]


def _checked(terms: tuple[Term, ...]) -> Dim:
    if len(terms) > MAX_TERMS or any(c.bit_length() > MAX_BITS for _, c in terms):
        raise TooComplex
    return Dim(terms)


def _collect(acc: dict[Monomial, int]) -> Size:
    terms = [(m, c) for m, c in acc.items() if c]
    if not terms:
        return 0
    if len(terms) == 1:
        if not terms[0][0]:
            return terms[0][1]
    else:
        terms.sort(key=_order)
    return _checked(tuple(terms))


def _shift(a: Dim, by: int) -> Dim:
    last, c = a.terms[-1]
    if last:
        return _checked((*a.terms, ((), by)))
    if c + by:
        return _checked((*a.terms[:-1], ((), c + by)))
    return Dim(a.terms[:-1])


def _sum(a: Dim, b: Dim, sign: int) -> Size:
    acc = dict(a.terms)
    for m, c in b.terms:
        acc[m] = acc.get(m, 0) + sign * c
    return _collect(acc)


def floor_div(num: Size, den: Size) -> Size:
    """``num // den``, canonical."""
    from archspec.dims.floors import divide

    return divide(num, den)


def _extreme(greatest: bool, args: Iterable[Size]) -> Size:
    from archspec.dims.extremes import extreme

    return extreme(greatest, args)
