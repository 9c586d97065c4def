"""What is demanded of symbols, and why a demand is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from archspec.dims.size import Dim
from archspec.dims.values import Values


class Requirement:
    """A condition on symbols: one of `options` is 0 (with `at_least`: the only one is 0 or more).

    `values` are those of its symbol, where it has just one and they are known exactly.
    """

    __slots__ = ("at_least", "options", "symbols", "text", "values")

    def __init__(self, options: tuple[Dim, ...], at_least: bool, text: str, values: Values | None = None) -> None:
        self.options = options
        self.at_least = at_least
        self.symbols = frozenset[str]().union(*(f.symbols for f in options))
        self.text = text
        self.values = values

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Requirement {self.text}>"

    def holds(self, values: Mapping[str, int]) -> bool:
        """Is it met by these values of its symbols?"""
        if self.at_least:
            return self.options[0].evaluate(values) >= 0
        return any(f.evaluate(values) == 0 for f in self.options)


class Refusal(NamedTuple):
    """Why something cannot be. `kind`: "never", "promise" (the facts forbid it), "requirement" (earlier ones do), or
    "stretch": two sizes agree only where they are 1.

    `stretched`: where two sizes that never agree would be broadcast all the same, since one of them is 1.
    """

    kind: str
    needs: str
    against: str = ""
    symbol: str | None = None
    stretched: str = ""

    def __str__(self) -> str:
        if self.kind == "never":
            return f"{self.needs} can never hold"
        if self.kind == "stretch":
            return f"{self.needs} holds only where they are 1"
        if self.kind == "promise":
            return f"needs {self.needs}, but `symbols` promises {self.against}"
        return f"needs {self.needs}, but {self.against} is required already"
