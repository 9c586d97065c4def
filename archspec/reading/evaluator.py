"""Evaluation of an expression, on its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from archspec.diagnostics.suggest import did_you_mean
from archspec.dims import Dim, Real
from archspec.dims.work import charge
from archspec.reading.grammar import (
    FAILED,
    FUNCTIONS,
    ExpressionError,
    FailedNameError,
    Part,
    UnknownNameError,
    column,
    width,
)
from archspec.reading.operations import CALLS, OPERATIONS, RefusedError, bounded, compare, describe, noun, truth, weigh

PRICE = 4  # of an element of a list that is read, in steps of `dims.work`: the dearest operation compares them all


class Evaluator:
    def __init__(self, env: Mapping[str, Any], part: Part) -> None:
        self.env = env
        self.part = part

    def fail(self, node: ast.AST, message: str, help: str | None = None) -> ExpressionError:
        source = self.part.source
        return ExpressionError(message, self.part.shift + column(source, node), width(source, node), help)

    def value(self, node: ast.expr) -> Any:
        try:
            return self.kinds[type(node)](self, node)
        except ExpressionError:
            raise
        except RefusedError as error:
            raise self.fail(node, error.args[0], error.help) from None
        except ZeroDivisionError:
            raise self.fail(node, "division by zero") from None
        except OverflowError:
            raise self.fail(node, "the number is too large") from None
        except (TypeError, ValueError, ArithmeticError) as error:
            raise self.fail(node, f"cannot be computed: {error}"[:200]) from None

    def constant(self, node: ast.Constant) -> Any:
        return node.value

    def name(self, node: ast.Name) -> Any:
        try:
            found = self.env[node.id]
        except KeyError:
            at = self.part.shift + column(self.part.source, node)
            if node.id in FUNCTIONS:
                raise ExpressionError(
                    f"`{node.id}` is a function; it is called: {node.id}(…)", at, len(node.id)
                ) from None
            raise UnknownNameError(node.id, at, self.env) from None
        if found is FAILED:
            raise FailedNameError(node.id)
        if isinstance(found, (list, dict)):
            charge(PRICE * weigh(found))
        return found

    def list(self, node: ast.List) -> Any:
        return bounded([self.value(item) for item in node.elts])

    def binary(self, node: ast.BinOp) -> Any:
        return OPERATIONS[type(node.op)](self.value(node.left), self.value(node.right))

    def unary(self, node: ast.UnaryOp) -> Any:
        operand = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return not truth(operand)
        if not isinstance(operand, (int, float, Dim, Real)):
            raise RefusedError(
                f"`{'-' if isinstance(node.op, ast.USub) else '+'}` wants a number, not {describe(operand)}"
            )
        if isinstance(operand, Real):
            return bounded(Real("*", (-1, operand))) if isinstance(node.op, ast.USub) else operand
        if isinstance(operand, float):  # an infinity that is given has its negative
            return -operand if isinstance(node.op, ast.USub) else operand
        return bounded(-operand) if isinstance(node.op, ast.USub) else operand

    def boolean(self, node: ast.BoolOp) -> Any:
        stop = isinstance(node.op, ast.Or)
        found: Any = None
        for item in node.values:
            found = self.value(item)
            if truth(found) is stop:
                break
        return found

    def compare(self, node: ast.Compare) -> Any:
        left = self.value(node.left)
        for op, item in zip(node.ops, node.comparators, strict=True):
            right = self.value(item)
            if not compare(op, left, right):
                return False
            left = right
        return True

    def choice(self, node: ast.IfExp) -> Any:
        return self.value(node.body if truth(self.value(node.test)) else node.orelse)

    def subscript(self, node: ast.Subscript) -> Any:
        holder = self.value(node.value)
        if isinstance(node.slice, ast.Slice):
            part = node.slice
            bounds = [None if x is None else self.value(x) for x in (part.lower, part.upper, part.step)]
            if not isinstance(holder, (str, list)):
                raise RefusedError(f"{describe(holder)} has no parts")
            if any(b is not None and not isinstance(b, int) for b in bounds):
                raise RefusedError("the bounds of a part are integers")
            return holder[slice(*bounds)]
        index = self.value(node.slice)
        if isinstance(holder, dict):
            return self.record(node.slice, holder, index)
        if not isinstance(holder, (str, list)):
            raise RefusedError(f"{describe(holder)} cannot be indexed")
        if isinstance(index, bool) or not isinstance(index, int):
            raise self.fail(node.slice, f"an index is an integer, not {describe(index)}")
        if not -len(holder) <= index < len(holder):
            raise self.fail(node.slice, f"index {index} of a {noun(holder)} of {len(holder)}")
        return holder[index]

    def attribute(self, node: ast.Attribute) -> Any:
        holder = self.value(node.value)
        if not isinstance(holder, dict):
            raise RefusedError(f"`.{node.attr}` reads a record; this is {describe(holder)}")
        return self.record(node, holder, node.attr)

    def record(self, node: ast.expr, holder: dict[str, Any], key: Any) -> Any:
        if not isinstance(key, str) or key not in holder:
            options = [k for k in holder if isinstance(k, str)]
            help = did_you_mean(str(key), options) or (f"it has {', '.join(options[:12])}" if options else None)
            raise self.fail(node, f"the record has no `{key}`", help)
        if holder[key] is FAILED:
            raise FailedNameError(key)
        return holder[key]

    def call(self, node: ast.Call) -> Any:
        assert isinstance(node.func, ast.Name)  # _checked
        return CALLS[node.func.id]([self.value(item) for item in node.args])

    kinds: ClassVar[dict[type[ast.AST], Callable[[Evaluator, Any], Any]]] = {
        ast.Constant: constant,
        ast.Name: name,
        ast.List: list,
        ast.BinOp: binary,
        ast.UnaryOp: unary,
        ast.BoolOp: boolean,
        ast.Compare: compare,
        ast.IfExp: choice,
        ast.Subscript: subscript,
        ast.Attribute: attribute,
        ast.Call: call,
    }
