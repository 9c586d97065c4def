"""How large a symbolic size may grow: a spec is not trusted to be reasonable."""

from __future__ import annotations

MAX_TERMS = 256  # summands of one size
MAX_DEPTH = 48  # floors, maxima and minima inside one another
MAX_DEGREE = 32  # factors of one summand
MAX_BITS = 512  # of a coefficient: no tensor has 2**63 elements, and proofs multiply a few sizes
MAX_KEY = 20_000  # characters of what a floor or maximum is told apart by


class TooComplex(ArithmeticError):  # noqa: N818 - says what is the case
    """A size has grown past what is worth computing with."""

    def __init__(self) -> None:
        super().__init__("a symbolic size has become too complex to compute with")
