"""Values of plain scalars, by the core schema of YAML 1.2.2 (section 10.3.2)."""

from __future__ import annotations

import re

MAX_INT = 2**63

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMERIC = frozenset("-+.0123456789")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = {sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")}
_SPECIAL |= dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan"))


class TooLargeError(ValueError):
    """A number beyond what is admitted."""


def resolve(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar by YAML 1.2's core schema. Raises ValueError for a number out of bounds."""
    if text[:1] in _NUMERIC:
        if len(text) < 19 and text.isdecimal() and text.isascii():
            return int(text)
        if _INT.fullmatch(text):
            if len(text) > 25:
                raise TooLargeError(f"an integer of {len(text)} digits; at most 2**63 - 1")
            number = int(text, 0) if text[:2] in ("0o", "0x") else int(text)
            if abs(number) >= MAX_INT:
                raise TooLargeError(f"the integer {text} is larger than 2**63 - 1")
            return number
        if _FLOAT.fullmatch(text):
            real = float(text)
            if real in (float("inf"), float("-inf")):
                raise TooLargeError(f"the number {text[:40]} is larger than a float64 can hold")
            return real
        return _SPECIAL.get(text, text)
    return _WORDS.get(text, text)
