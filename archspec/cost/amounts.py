"""Amounts as people write them: `5M` parameters, `2.5G` FLOPs, `100MB`."""

from __future__ import annotations

import re
from decimal import Decimal

_TEXT = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?) ?([A-Za-z]*)")
_LONGEST = 40
_COUNTS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}
_SIZES = {"": 1, "B": 1} | {
    f"{prefix}{unit}": base**power
    for power, prefix in enumerate("KMGT", 1)
    for unit, base in (("", 1000), ("B", 1000), ("iB", 1024))
}


class BadAmountError(ValueError):
    """Not an amount; `str()` says what is taken."""


def count(value: str | int | float) -> int:
    """How many: `5M`, `1.5B`, `800_000`, 5e6. K, M, G or B, and T are thousands, millions, billions and so on."""
    return _amount(value, _COUNTS, "a number such as 5M: K, M, G (or B) and T stand for 10^3, 10^6, 10^9 and 10^12")


def size(value: str | int | float) -> int:
    """Bytes: `100MB` are a hundred million, `100MiB` 100 * 2^20."""
    return _amount(value, _SIZES, "a size such as 100MB (millions of bytes) or 100MiB (of 2^20 bytes)")


def _amount(value: str | int | float, units: dict[str, int], what: str) -> int:
    if isinstance(value, str):
        found = _TEXT.fullmatch(value.strip()) if len(value) <= _LONGEST else None
        unit = None if found is None else _unit(found[2], units)
        if found is None or unit is None:
            raise BadAmountError(what)
        amount = Decimal(found[1].replace("_", "")) * unit
    else:
        amount = Decimal(value)
    if not amount.is_finite() or amount < 0 or amount >= 2**63:
        raise BadAmountError(f"{what}; from 0 to 2^63")
    return int(amount)


def _unit(text: str, units: dict[str, int]) -> int | None:
    """Whatever its case: that is not mistaken, as nobody means thousandths here."""
    return next((value for name, value in units.items() if name.lower() == text.lower()), None)
