"""Equations of `einsum`, checked before torch sees them."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from archspec.ops.kinds import BadValue, Kind, show

_TERM = re.compile(r"([A-Za-z]*)(\.\.\.)?([A-Za-z]*)\Z")


class Term(NamedTuple):
    """The labels of one tensor: those before an ellipsis, whether there is one, those after."""

    before: str
    ellipsis: bool
    after: str

    @property
    def letters(self) -> int:
        return len(self.before) + len(self.after)

    def fits(self, rank: int) -> bool:
        return rank >= self.letters if self.ellipsis else rank == self.letters

    def labels(self, covered: int) -> tuple[str, ...]:
        """One label a dimension; those of the ellipsis are `...-2`, `...-1`, counted from its end."""
        dots = [f"...{i}" for i in range(-covered, 0)] if self.ellipsis else []
        return (*self.before, *dots, *self.after)

    def __str__(self) -> str:
        return f"{self.before}{'...' if self.ellipsis else ''}{self.after}"


class Equation(NamedTuple):
    """`terms -> output`; without an output, the labels that stand once, in alphabetical order."""

    terms: tuple[Term, ...]
    output: Term | None

    def labels(self, ranks: list[int]) -> list[tuple[str, ...]]:
        """The labels of each input."""
        return [term.labels(rank - term.letters) for term, rank in zip(self.terms, ranks, strict=True)]

    def result(self, ranks: list[int]) -> tuple[str, ...]:
        """The labels of the result."""
        covered = max((rank - t.letters for t, rank in zip(self.terms, ranks, strict=True) if t.ellipsis), default=0)
        if self.output is not None:
            return self.output.labels(covered)
        letters = "".join(term.before + term.after for term in self.terms)
        once = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
        return Term("", True, once).labels(covered)

    def __str__(self) -> str:
        left = ",".join(map(str, self.terms))
        return left if self.output is None else f"{left}->{self.output}"


class EquationKind(Kind[Equation]):
    """Text like `bij,bjk->bik`; spaces do not matter."""

    title = "an equation like `bij,bjk->bik`"

    def parse(self, value: Any) -> Equation:
        if isinstance(value, Equation):
            return value
        if not isinstance(value, str):
            raise self.refuse(value)
        text = value.replace(" ", "")
        left, arrow, right = text.partition("->")
        equation = Equation(
            tuple(self._term(part, value) for part in left.split(",")), self._term(right, value) if arrow else None
        )
        self._check(equation)
        return equation

    def _term(self, text: str, whole: str) -> Term:
        match = _TERM.match(text)
        if match is None:
            raise BadValue(f"expected {self.title}, got {show(whole)}: `{text}` is not letters and at most one `...`")
        return Term(match[1], match[2] is not None, match[3])

    def _check(self, equation: Equation) -> None:
        output = equation.output
        if output is None:
            return
        read = {letter for term in equation.terms for letter in term.before + term.after}
        letters = output.before + output.after
        for letter in letters:
            if letters.count(letter) > 1:
                raise BadValue(f"`{letter}` stands twice in the result of `{equation}`")
            if letter not in read:
                raise BadValue(f"`{letter}` in the result of `{equation}` is in none of its inputs")
        if output.ellipsis and not any(term.ellipsis for term in equation.terms):
            raise BadValue(f"`...` in the result of `{equation}` is in none of its inputs")

    def literal(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^[A-Za-z., ]*(->[A-Za-z. ]*)?$"}
