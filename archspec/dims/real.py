"""Numbers that are computed from sizes when the model runs, and need not be whole: `1 / T`, `sqrt(D)`."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from archspec.dims.size import Dim

MAX_PARTS = 100  # of one number

LOGARITHMS: Mapping[Any, Callable[[float], float]] = {2: math.log2, 10: math.log10}  # exact for powers of their base


def logarithm(x: float, *base: float) -> float:
    """Natural, or to a base."""
    known = LOGARITHMS.get(base[0]) if base else None
    return math.log(x, *base) if known is None else known(x)


FUNCTIONS: Mapping[str, Callable[..., float]] = {"sqrt": math.sqrt, "exp": math.exp, "log": logarithm}
_OPERATORS: Mapping[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": lambda a, b: float(a) ** b,
}  # fmt: skip
_TIGHT = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2, "**": 4}


@dataclass(frozen=True, slots=True)
class Real:
    """`op`, an operator of two numbers or one of FUNCTIONS, over `args`: sizes, numbers, and others of its kind."""

    op: str
    args: tuple[Any, ...]

    @property
    def parts(self) -> int:
        """How many numbers and sizes it is made of."""
        return sum(each.parts if isinstance(each, Real) else 1 for each in self.args)

    @property
    def sizes(self) -> tuple[Dim, ...]:
        """The sizes in it, left to right."""
        inside = [each.sizes if isinstance(each, Real) else (each,) for each in self.args]
        return tuple(size for sizes in inside for size in sizes if isinstance(size, Dim))

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset[str]().union(*(size.symbols for size in self.sizes))

    def subs(self, values: Mapping[str, Any]) -> Any:
        """The number with sizes in place of symbols; a float, where all are known and it has a value."""
        args = tuple(each.subs(values) if isinstance(each, (Dim, Real)) else each for each in self.args)
        if any(isinstance(each, (Dim, Real)) for each in args):
            return Real(self.op, args)
        try:
            found = (FUNCTIONS.get(self.op) or _OPERATORS[self.op])(*args)
        except (ArithmeticError, ValueError):
            return Real(self.op, args)
        return found if isinstance(found, float) and math.isfinite(found) else Real(self.op, args)

    def __str__(self) -> str:
        if self.op in FUNCTIONS:
            return f"{self.op}({', '.join(map(str, self.args))})"
        left, right = self.args
        tight = _TIGHT[self.op]
        return f"{_wrapped(left, tight + (self.op == '**'))} {self.op} {_wrapped(right, tight + (self.op != '**'))}"


def _wrapped(part: Any, tight: int) -> str:
    text = str(part)
    if isinstance(part, Real):
        loose = part.op in _TIGHT and _TIGHT[part.op] < tight
    else:
        loose = isinstance(part, Dim) and not text.replace(".", "_").isidentifier()
    return f"({text})" if loose or text.startswith("-") else text
