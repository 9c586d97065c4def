"""What must hold of the symbols: proved, refuted, or kept as a requirement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.dims.extremes import bounds
from archspec.dims.size import Size, evaluate, symbols_of


class Facts:
    """What a user promises of the symbols: ``{"H": {"multiple_of": 32, "min": 32, "max": 512}}``."""

    def __init__(self, promises: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.promises = {name: dict(p) for name, p in (promises or {}).items()}


class Requirement:
    """A condition on symbols."""

    def __init__(self, lhs: Size, relation: str, rhs: Size) -> None:
        self.lhs = lhs
        self.relation = relation
        self.rhs = rhs
        self.symbols = symbols_of(lhs) | symbols_of(rhs)

    def __str__(self) -> str:
        return f"{self.lhs} {self.relation} {self.rhs}"

    def holds(self, values: Mapping[str, int]) -> bool:
        a, b = evaluate(self.lhs, values), evaluate(self.rhs, values)
        return a == b if self.relation == "==" else a >= b


class Constraints:
    """Collects requirements on top of the facts."""

    def __init__(self, facts: Facts | None = None) -> None:
        self.facts = facts or Facts()
        self.requirements: list[Requirement] = []

    def _record(self, requirement: Requirement) -> bool:
        if str(requirement) not in map(str, self.requirements):
            self.requirements.append(requirement)
        return True

    def equal(self, a: Size, b: Size) -> bool:
        if a == b:
            return True
        low, high = bounds(a - b, {})
        if (low is not None and low > 0) or (high is not None and high < 0):
            return False
        return (low == 0 and high == 0) or self._record(Requirement(a, "==", b))

    def at_least(self, a: Size, b: Size) -> bool:
        low, high = bounds(a - b, {})
        if high is not None and high < 0:
            return False
        return (low is not None and low >= 0) or self._record(Requirement(a, ">=", b))

    def divisible(self, a: Size, k: int) -> bool:
        return self.equal(a % k, 0)

    def summary(self) -> list[str]:
        return [str(r) for r in self.requirements]

    def explain(self) -> str:
        return ""
