"""Values of plain scalars, by the core schema of YAML 1.2.2 (section 10.3.2)."""

from __future__ import annotations

import re
import sys
from functools import lru_cache

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


# The same few words make up all specs. Only short texts are for these: what they remember is bounded by number alone.


@lru_cache(maxsize=4096)
def short_scalar(text: str) -> str | int | float | bool | None:
    """`resolve` of a short text; raises as it does."""
    value = resolve(text)
    return sys.intern(value) if isinstance(value, str) else value


@lru_cache(maxsize=4096)
def plain_word(text: str) -> str | None:
    """A short text, if it is a word of letters, digits and underscores that stands for itself."""
    return sys.intern(text) if text.isidentifier() and text.isascii() and resolve(text) is text else None
