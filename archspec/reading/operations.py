"""What operators and functions of an expression do with numbers, texts, lists, records and symbolic sizes.

Every result is bounded, so that no expression can use up time or memory.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

from archspec.dims import Dim, Real, maximum, minimum
from archspec.dims.real import MAX_PARTS, logarithm
from archspec.dims.work import charge
from archspec.reading.grammar import MAX_INT

MAX_ITEMS = 10_000  # characters of a text, elements of a list (with those of the lists inside)
MAX_POWER_BITS = 64
_CHEAP = 4  # elements of a list that cost as much as a step of a decision about sizes
_OF_SIZES = 50  # such steps, of an operation on symbolic sizes


class RefusedError(Exception):
    """An operation that its operands do not admit; becomes an ExpressionError with a place."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.help = help


def describe(value: Any) -> str:
    """What a value is, for a message: "the text 'abc'", "a list of 3"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value!r}" if len(value) <= 40 else f"a text of {len(value)} characters"
    if isinstance(value, Dim):
        return f"the size {value}"
    if isinstance(value, Real):
        return f"the number {value}, known only when the model runs"
    if isinstance(value, (list, dict)):
        return f"a {noun(value)} of {len(value)}"
    return f"a {type(value).__name__}"


def noun(value: Any) -> str:
    return "text" if isinstance(value, str) else "list" if isinstance(value, list) else "record"


def weigh(value: Any) -> int:
    """Elements of a value with those of the lists and records in it, counted to a little above MAX_ITEMS."""
    count, pending = 0, [value]
    while pending and count <= MAX_ITEMS:
        item = pending.pop()
        count += 1
        if isinstance(item, list):
            pending.extend(item[: MAX_ITEMS + 1])
        elif isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, str):
            count += len(item) // 64
    return count + len(pending)


def bounded(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_INT:
            raise RefusedError("the number is too large (more than 2**63)")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise RefusedError("the number is too large")
    elif isinstance(value, complex):
        raise RefusedError("the result is not a real number")
    elif isinstance(value, str):
        if len(value) > MAX_ITEMS:
            raise RefusedError(f"a text of more than {MAX_ITEMS:,} characters")
    elif isinstance(value, Real):
        if value.parts > MAX_PARTS:
            raise RefusedError(f"a number of more than {MAX_PARTS} parts")
    elif isinstance(value, list):
        weight = weigh(value)
        if weight > MAX_ITEMS + 1:
            raise RefusedError(f"a list of more than {MAX_ITEMS:,} elements")
        charge(weight // _CHEAP)
    return value


def truth(value: Any) -> bool:
    """Python's truth of a value. Whether a symbolic size is 0 is not known."""
    if isinstance(value, (Dim, Real)):
        what = "size" if isinstance(value, Dim) else "number"
        raise RefusedError(f"whether the {what} {value} is 0 is known only when the model runs")
    return bool(value)


def _numbers(sign: str, a: Any, b: Any) -> None:
    for x in (a, b):
        if not isinstance(x, (int, float, Dim, Real)):
            raise RefusedError(f"`{sign}` wants numbers, not {describe(x)}")


def _numeric(sign: str, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """An operator of numbers: of sizes a size; of sizes and fractions a number that is computed when the model runs."""

    def call(a: Any, b: Any) -> Any:
        _numbers(sign, a, b)
        kinds = {type(a), type(b)}
        if Dim in kinds:
            charge(_OF_SIZES)
        return bounded(Real(sign, (a, b)) if Real in kinds or kinds == {Dim, float} else function(a, b))

    return call


def _add(a: Any, b: Any) -> Any:
    if isinstance(a, str) and isinstance(b, str):
        return bounded(a + b)
    if isinstance(a, list) and isinstance(b, list):
        return bounded(a + b)
    if isinstance(a, str) or isinstance(b, str):
        raise RefusedError(f"`+` cannot join {describe(a)} and {describe(b)}", "a text may hold `$(…)`: layer_$(i + 1)")
    return _sum_of(a, b)


def _multiply(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, (str, list)):
        a, b = b, a
    if isinstance(a, (str, list)) and isinstance(b, int):
        if len(a) * max(b, 0) > MAX_ITEMS:
            raise RefusedError(f"a {noun(a)} of more than {MAX_ITEMS:,} elements")
        return bounded(a * b)
    return _product_of(a, b)


def _quotient(a: Any, b: Any) -> Any:
    if isinstance(a, Dim) or isinstance(b, Dim):
        rest = a % b
        if isinstance(rest, int) and rest == 0:
            return a // b
        return Real("/", (a, b))
    return a / b


def _power_of(a: Any, b: Any) -> Any:
    if isinstance(b, Dim) and isinstance(a, int):
        return Real("**", (float(a), b))
    if isinstance(a, Dim) or isinstance(b, Dim):
        if isinstance(a, Dim) and isinstance(b, int) and b < 0:
            return Real("**", (a, b))
        if isinstance(a, Dim) and isinstance(b, int) and 1 <= b <= 8:
            out: Any = a
            for _ in range(b - 1):
                out = out * a
            return out
        raise RefusedError("a power of a size has an exponent from 1 to 8")
    if (
        isinstance(a, int)
        and isinstance(b, int)
        and b >= 0
        and abs(a) > 1
        and b * (abs(a).bit_length() - 1) >= MAX_POWER_BITS
    ):
        raise RefusedError("the number is too large (more than 2**63)")
    if isinstance(a, int) and isinstance(b, int) and abs(b) > MAX_POWER_BITS:
        b = b % 2 + 2 if b > 0 else -(b % 2 + 2)  # 0, 1 and -1 depend on no more
        if abs(a) > 1:
            return 0.0
    return a**b


_sum_of = _numeric("+", operator.add)
_product_of = _numeric("*", operator.mul)

OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _add, ast.Sub: _numeric("-", operator.sub), ast.Mult: _multiply, ast.Div: _numeric("/", _quotient),
    ast.FloorDiv: _numeric("//", operator.floordiv), ast.Mod: _numeric("%", operator.mod),
    ast.Pow: _numeric("**", _power_of),
}  # fmt: skip


def equal(a: Any, b: Any) -> bool:
    """a == b; an error where that depends on a symbolic size."""
    if isinstance(a, Real) or isinstance(b, Real):
        raise RefusedError(f"whether {a} is {b} is known only when the model runs")
    if isinstance(a, Dim) or isinstance(b, Dim):
        if not isinstance(a, (int, Dim)) or not isinstance(b, (int, Dim)):
            return False
        difference = a - b
        if isinstance(difference, int):
            return difference == 0
        raise RefusedError(f"whether {a} is {b} is known only when the model runs")
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def compare(op: ast.cmpop, a: Any, b: Any) -> bool:
    if isinstance(op, ast.Eq):
        return equal(a, b)
    if isinstance(op, ast.NotEq):
        return not equal(a, b)
    if isinstance(op, (ast.In, ast.NotIn)):
        if isinstance(b, str):
            if not isinstance(a, str):
                raise RefusedError(f"a text holds texts, not {describe(a)}")
            inside = a in b
        elif isinstance(b, list):
            inside = any(equal(a, item) for item in b)
        elif isinstance(b, dict):
            inside = isinstance(a, str) and a in b
        else:
            raise RefusedError(f"{describe(b)} holds nothing")
        return inside is isinstance(op, ast.In)
    if isinstance(a, Real) or isinstance(b, Real):
        raise RefusedError(f"which of {a} and {b} is larger is known only when the model runs")
    if isinstance(a, Dim) or isinstance(b, Dim):
        if isinstance(a, (int, Dim)) and isinstance(b, (int, Dim)):
            difference = a - b
            if not isinstance(difference, int):
                raise RefusedError(f"which of {a} and {b} is larger is known only when the model runs")
            a, b = difference, 0
        else:
            raise RefusedError(f"{describe(a)} and {describe(b)} have no order")
    if isinstance(a, dict) or isinstance(b, dict):
        raise RefusedError(f"{describe(a)} and {describe(b)} have no order")
    try:
        if isinstance(op, ast.Lt):
            return bool(a < b)
        if isinstance(op, ast.LtE):
            return bool(a <= b)
        if isinstance(op, ast.Gt):
            return bool(a > b)
        return bool(a >= b)
    except TypeError:
        raise RefusedError(f"{describe(a)} and {describe(b)} have no order") from None


# -- functions ---------------------------------------------------------------------------------------------------


def _count(name: str, args: list[Any], least: int, most: int) -> None:
    if not least <= len(args) <= most:
        want = str(least) if least == most else f"{least} to {most}"
        raise RefusedError(f"`{name}` takes {want} argument{'s' if most > 1 else ''}, not {len(args)}")


def _extreme(name: str, args: list[Any]) -> Any:
    items = args[0] if len(args) == 1 and isinstance(args[0], list) else args
    if not items or (len(args) == 1 and not isinstance(args[0], list)):
        raise RefusedError(f"`{name}` takes a list that is not empty, or several values")
    out = items[0]
    for item in items[1:]:
        if not {type(out), type(item)}.isdisjoint({Dim, Real}):
            charge(2 * _OF_SIZES)
            _numbers(name, out, item)
            if not (isinstance(out, (int, Dim)) and isinstance(item, (int, Dim))):
                raise RefusedError(f"which of {out} and {item} is larger is known only when the model runs")
            out = (maximum if name == "max" else minimum)(out, item)
        elif compare(ast.Gt() if name == "max" else ast.Lt(), item, out):
            out = item
    return out


def _absolute(args: list[Any]) -> Any:
    _count("abs", args, 1, 1)
    if not isinstance(args[0], (int, float)):
        raise RefusedError(f"`abs` wants a number, not {describe(args[0])}")
    return bounded(abs(args[0]))


def _length(args: list[Any]) -> int:
    _count("len", args, 1, 1)
    if not isinstance(args[0], (str, list, dict)):
        raise RefusedError(f"{describe(args[0])} has no length")
    return len(args[0])


def _integral(name: str, function: Callable[[float], int]) -> Callable[[list[Any]], Any]:
    def call(args: list[Any]) -> Any:
        _count(name, args, 1, 1)
        value = args[0]
        if isinstance(value, Dim):
            return value
        if isinstance(value, Real) and value.op == "/" and not any(isinstance(x, (Real, float)) for x in value.args):
            if name == "floor":
                return value.args[0] // value.args[1]
            if name == "ceil":
                return -(-value.args[0] // value.args[1])
        if not isinstance(value, (int, float)):
            raise RefusedError(f"`{name}` wants a number, not {describe(value)}")
        return bounded(function(value))

    return call


def _real(name: str, function: Callable[..., float], most: int = 1) -> Callable[[list[Any]], float | Real]:
    def call(args: list[Any]) -> float | Real:
        _count(name, args, 1, most)
        for value in args:
            if not isinstance(value, (int, float, Dim, Real)) or isinstance(value, bool):
                raise RefusedError(f"`{name}` wants a number, not {describe(value)}")
        if any(isinstance(value, (Dim, Real)) for value in args):
            made: Real = bounded(Real(name, tuple(args)))
            return made
        try:
            return float(function(*args))
        except (ValueError, OverflowError, ZeroDivisionError):
            raise RefusedError(f"`{name}` has no value for {' and '.join(map(str, args))}") from None

    return call


def _round(args: list[Any]) -> Any:
    _count("round", args, 1, 2)
    value = args[0]
    if isinstance(value, Dim):
        return value
    digits = args[1] if len(args) == 2 else None
    if not isinstance(value, (int, float)) or not (digits is None or (isinstance(digits, int) and abs(digits) <= 30)):
        raise RefusedError("`round` takes a number, and a number of digits")
    return bounded(round(value) if digits is None else round(value, digits))


def _sum(args: list[Any]) -> Any:
    _count("sum", args, 1, 1)
    if not isinstance(args[0], list):
        raise RefusedError(f"`sum` wants a list, not {describe(args[0])}")
    items: list[Any] = args[0]
    charge(len(items) // _CHEAP)
    if all(type(item) is int for item in items):
        return bounded(sum(items))
    charge(len(items))
    total: Any = 0
    for item in items:
        _numbers("sum", total, item)
        total = _sum_of(total, item)
    return total


def _zip(args: list[Any]) -> list[Any]:
    if not args or not all(isinstance(each, list) for each in args):
        raise RefusedError("`zip` wants lists")
    if len({len(each) for each in args}) > 1:
        raise RefusedError(f"`zip` wants lists of one length, not of {' and '.join(str(len(each)) for each in args)}")
    made: list[Any] = bounded([list(each) for each in zip(*args, strict=True)])
    return made


def _range(args: list[Any]) -> list[int]:
    _count("range", args, 1, 3)
    for x in args:
        if isinstance(x, Dim):
            raise RefusedError(f"the size {x} is known only when the model runs")
        if not isinstance(x, int):
            raise RefusedError(f"`range` wants integers, not {describe(x)}")
    found = range(*args)
    if len(found) > MAX_ITEMS:
        raise RefusedError(f"a list of more than {MAX_ITEMS:,} elements")
    charge(len(found) // _CHEAP)
    return list(found)


CALLS: dict[str, Callable[[list[Any]], Any]] = {
    "abs": _absolute,
    "ceil": _integral("ceil", math.ceil),
    "exp": _real("exp", math.exp),
    "floor": _integral("floor", math.floor),
    "len": _length,
    "log": _real("log", logarithm, 2),
    "max": lambda args: _extreme("max", args),
    "min": lambda args: _extreme("min", args),
    "range": _range,
    "round": _round,
    "sqrt": _real("sqrt", math.sqrt),
    "sum": _sum,
    "zip": _zip,
}
