"""A size as Python source."""

from __future__ import annotations

from collections.abc import Callable

from archspec.dims.size import Atom, Dim, Extreme, Floor, Size, Symbol, Term, from_terms, terms_of

Replace = Callable[[Dim], "str | None"]

_SUM, _PRODUCT, _PRIMARY = 0, 1, 2  # how tightly a text binds


def render(size: Size, replace: Replace) -> str:
    """The text. `replace` is asked for each sub-expression, from the whole down, and may give its text."""
    return _size(size, replace)[0]


def as_it_is(_: Dim) -> str | None:
    """Nothing has a text of its own."""
    return None


def _size(size: Size, replace: Replace) -> tuple[str, int]:
    if isinstance(size, int):
        return str(size), _PRIMARY if size >= 0 else _SUM
    if replace is not as_it_is:
        return _dim(size, replace)
    found = size.text
    if found is None:
        found = size.text = _dim(size, replace)
    return found


def _dim(size: Dim, replace: Replace) -> tuple[str, int]:
    given = replace(size)
    if given is not None:
        return given, _PRIMARY
    found = as_remainder(size)
    if found is None:
        summands = [_term(t, replace) for t in size.terms]
    else:
        times, atom, rest = found
        num, tight = _size(atom.num, replace)
        text = f"{_wrap(num, tight, _PRODUCT)} % {_wrap(*_size(atom.den, replace), _PRIMARY)}"
        text = text if abs(times) == 1 else f"{abs(times)}*({text})"
        summands = [(times < 0, text, _PRODUCT)]
        if rest:
            more = rest.terms if isinstance(rest, Dim) else terms_of(rest)
            if as_remainder(rest) is None:
                summands += [_term(t, replace) for t in more]
            else:
                inner, tight = _size(rest, replace)
                summands.append((False, inner, tight))
    if summands[0][0]:  # begin with a summand that is added, if there is one
        first = next((i for i, s in enumerate(summands) if not s[0]), 0)
        summands.insert(0, summands.pop(first))
    negative, text, tight = summands[0]
    if len(summands) == 1 and not negative:
        return text, tight
    if negative:  # -x//n would be (-x)//n
        text = f"-({text})" if "//" in text or "%" in text else f"-{text}"
    for negative, part, _ in summands[1:]:
        text += f" {'-' if negative else '+'} {part}"
    return text, _SUM


def as_remainder(size: Size) -> tuple[int, Floor, Size] | None:
    """``times * (p % k) + rest`` where that has fewer terms than the sum as it stands."""
    if isinstance(size, int) or len(size.terms) < 2:
        return None
    for m, c in size.terms:
        floor = m[0] if len(m) == 1 else None
        if isinstance(floor, Floor) and isinstance(floor.den, int) and c % floor.den == 0:
            times = -c // floor.den
            rest = size - times * (floor.num - floor.den * floor.dim)
            if len(terms_of(rest)) < len(size.terms) - 1 or (not rest):
                return times, floor, rest
    return None


def _term(term: Term, replace: Replace) -> tuple[bool, str, int]:
    """Whether it is subtracted, and its text without the sign."""
    m, c = term
    negative, size = c < 0, abs(c)
    if not m:
        return negative, str(size), _PRIMARY
    given = replace(from_terms([(m, size)])) if len(m) > 1 or size > 1 else None  # type: ignore[arg-type]
    if given is not None:
        return negative, given, _PRIMARY
    if len(m) == 1 and size == 1:
        text, tight = _atom(m[0], replace)
        return negative, text, tight
    factors = [str(size)] if size > 1 else []
    at = 0
    while at < len(m):
        power = m.count(m[at])
        factors.append(_wrap(*_atom(m[at], replace), _PRIMARY) + (f"**{power}" if power > 1 else ""))
        at += power
    return negative, "*".join(factors), _PRODUCT


def _atom(atom: Atom, replace: Replace) -> tuple[str, int]:
    given = replace(atom.dim)
    if given is not None:
        return given, _PRIMARY
    if isinstance(atom, Symbol):
        return atom.name, _PRIMARY
    if isinstance(atom, Extreme):
        return f"{'max' if atom.greatest else 'min'}({', '.join(render(a, replace) for a in atom.args)})", _PRIMARY
    assert isinstance(atom, Floor)
    num, tight = _size(atom.num, replace)
    num = _wrap(num, _SUM if "//" in num or "%" in num else tight, _PRODUCT)
    return f"{num}//{_wrap(*_size(atom.den, replace), _PRIMARY)}", _PRODUCT


def _wrap(text: str, tight: int, least: int) -> str:
    return text if tight >= least else f"({text})"
