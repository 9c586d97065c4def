"""The size that two sizes broadcast to."""

from __future__ import annotations

from functools import lru_cache

from archspec.dims.constraints import Constraints
from archspec.dims.size import Dim, Size, maximum, symbol


def broadcast_size(a: Size, b: Size) -> Size:
    """The size, given that the two are equal or that one is 1 (`Constraints.broadcasts`).

    It depends on nothing else: not on promises, nor on other requirements. Raises TooComplex.
    """
    if a == b or b == 1:
        return a
    if a == 1:
        return b
    if isinstance(a, int) or isinstance(b, int):
        return b if isinstance(b, int) else a  # the other is it, or 1
    return _greater(a, b)


@lru_cache(maxsize=1 << 12)
def _greater(a: Dim, b: Dim) -> Size:
    if all(size == symbol(name) for size in (a, b) for name in size.symbols):
        return maximum(a, b)  # of two symbols neither is known to be the greater
    for greater, less in ((a, b), (b, a)):
        fits = Constraints()
        fits.broadcasts(a, b)
        known = len(fits.requirements)
        if fits.at_least(greater, less) and len(fits.requirements) == known:
            return greater
    return maximum(a, b)
