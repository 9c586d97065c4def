"""When what is computed from sizes has a value: no division by 0, and nothing of which Python has no float."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from archspec.dims.real import Real
from archspec.dims.size import Dim, Extreme, Floor, Size

Condition = tuple[str, Size, Size]  # a question to `Constraints`, and what it is about

_LARGEST = math.log(1.7976931348623157e308)  # e to the power of more is no float


def conditions(value: Any) -> Iterator[Condition]:
    """What has to hold for a size, a number or what is made of them, with which Python would raise nothing.

    Of sums and differences of numbers that are no sizes nothing is said: `sqrt(T) - 2` may be 0.
    """
    if isinstance(value, Dim):
        yield from _of_size(value)
    elif isinstance(value, Real):
        yield from _of_number(value)
    elif isinstance(value, (list, tuple, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            if not isinstance(each, (int, float, str)):
                yield from conditions(each)


def _of_size(size: Dim) -> Iterator[Condition]:
    for monomial, _ in size.terms:
        for atom in monomial:
            if isinstance(atom, Floor):
                yield from conditions([atom.num, atom.den])
                if isinstance(atom.den, Dim):
                    yield "differ", atom.den, 0
            elif isinstance(atom, Extreme):
                yield from conditions(atom.args)


def _of_number(number: Real) -> Iterator[Condition]:
    yield from conditions(number.args)
    first, *others = number.args
    if number.op in ("/", "//", "%"):
        yield from _not_zero(others[0])
    elif number.op == "**":
        yield from _of_power(first, others[0])
    elif number.op == "log":
        for each in number.args:
            if isinstance(each, Dim):
                yield "at_least", each, 1
            else:
                yield from _not_zero(each)
        for base in others:
            yield from _not_zero(Real("log", (base,)))
    elif isinstance(first, Dim) and number.op == "sqrt":
        yield "at_least", first, 0
    elif isinstance(first, Dim) and number.op == "exp":
        yield "at_least", int(_LARGEST), first


def _of_power(base: Any, power: Any) -> Iterator[Condition]:
    if isinstance(base, Dim) and isinstance(power, (int, float)):
        if power != int(power):  # a root of what is negative is no real number
            yield "at_least", base, 0 if power > 0 else 1
        elif power < 0:
            yield "differ", base, 0
    elif isinstance(base, (int, float)) and isinstance(power, Dim):
        if base == 0:
            yield "at_least", power, 0
        elif abs(base) != 1:
            furthest = _furthest(abs(float(base)))
            yield ("at_least", furthest, power) if furthest > 0 else ("at_least", power, furthest)


def _furthest(base: float) -> int:
    """The power, positive or negative, beyond which there is no float."""
    power = int(_LARGEST / math.log(base))
    try:
        base**power
    except OverflowError:  # the logarithms were rounded
        return power - 1 if power > 0 else power + 1
    return power


def _not_zero(value: Any) -> Iterator[Condition]:
    if isinstance(value, Dim):
        yield "differ", value, 0
    elif isinstance(value, Real):
        first = value.args[0]
        if value.op == "log":
            if isinstance(first, Dim):
                yield "differ", first, 1
        elif value.op == "*":
            for each in value.args:
                yield from _not_zero(each)
        elif value.op in ("/", "sqrt", "**"):
            yield from _not_zero(first)
