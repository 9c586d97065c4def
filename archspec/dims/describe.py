"""A set of values in words: the least that says, of what was known before, which values remain."""

from __future__ import annotations

from archspec.dims.limits import TooComplex
from archspec.dims.values import Part, Values, between

FEW = 4  # values or stretches that are listed
MANY_RESIDUES = 8
_LARGEST_SEARCH = 4096


def describe(values: Values, known: Values, name: str) -> list[str] | None:
    """Conditions on `name` that hold, among `known`, exactly for `values` (a subset). None: too irregular for words."""
    try:
        if values == known:
            return []
        return _few(values, name) or _regular(values, known, name) or _stretches(values, name)
    except TooComplex:
        return None


def _few(values: Values, name: str) -> list[str] | None:
    if not values:
        return None
    if values.greatest is None:
        return None
    members = []
    for n in values:
        members.append(n)
        if len(members) > FEW:
            return None
    return [f"{name} == {members[0]}"] if len(members) == 1 else [f"{name} in ({', '.join(map(str, members))})"]


def _regular(values: Values, known: Values, name: str) -> list[str] | None:
    """Residues, a least and a most value."""
    least, most = values.least, values.greatest
    far = most or 0
    widest = values.parts[-1] if most is None else max(values.parts, key=lambda p: p.count(far))
    within = known & between(least, most)
    for modulus in _divisors(widest.modulus):
        residues = frozenset(r % modulus for r in widest.residues)
        if len(residues) == modulus > 1:
            continue
        pattern = Values((Part(1, None, modulus, residues),))
        if within & pattern != values:
            continue
        out = _residues(modulus, residues, name)
        if out is None:
            return None
        open_above = known & pattern & between(least)
        if open_above == values:
            most = None
        if (known & pattern & between(1, most)) != values:
            out.append(f"{name} >= {least}")
        if most is not None:
            out.append(f"{name} <= {most}")
        return out
    return None


def _stretches(values: Values, name: str) -> list[str] | None:
    """`H == 1 or H % 2 == 0`: the parts one by one, each with no more bounds than tell it from what is left out."""
    if not 1 < len(values.parts) <= FEW:
        return None
    out = []
    few: list[int] = []
    for part in values.parts:
        words = _residues(part.modulus, part.residues, name)
        if words is None:
            return None
        if part.low == part.high:
            few.append(part.low)
            continue
        pattern = Part(1, None, part.modulus, part.residues)
        if not _inside(pattern._replace(high=part.high), values):
            words.append(f"{name} >= {part.low}")
        if part.high is not None and not _inside(pattern._replace(low=part.low), values):
            words.append(f"{name} <= {part.high}")
        out.append(" and ".join(words))
    if few:
        out.insert(0, f"{name} == {few[0]}" if len(few) == 1 else f"{name} in ({', '.join(map(str, few))})")
    return [" or ".join(out)]


def _inside(part: Part, values: Values) -> bool:
    whole = Values((part,))
    return (whole & values) == whole


def _residues(modulus: int, residues: frozenset[int], name: str) -> list[str] | None:
    if modulus == 1:
        return []
    mod = f"{name} % {modulus}"
    if len(residues) == 1:
        return [f"{mod} == {min(residues)}"]
    if len(residues) == modulus - 1:
        missing = next(r for r in range(modulus) if r not in residues)
        return [f"{mod} != {missing}"]
    if max(residues) == len(residues) - 1:
        return [f"{mod} < {len(residues)}"]
    if min(residues) == modulus - len(residues):
        return [f"{mod} >= {min(residues)}"]
    if len(residues) > MANY_RESIDUES:
        return None
    return [f"{mod} in ({', '.join(map(str, sorted(residues)))})"]


def _divisors(n: int) -> list[int]:
    small = [d for d in range(1, min(n, _LARGEST_SEARCH) + 1) if n % d == 0]
    return sorted({*small, *(n // d for d in small)})
