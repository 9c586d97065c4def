"""Is a module that is called again, on inputs of other types, the module that the first call made?"""

from __future__ import annotations

from typing import Any

from archspec.dims import Dim, Real
from archspec.ops.base import Op
from archspec.ops.expr import Call, Method, Module, Own
from archspec.shapes.state import state_of
from archspec.shapes.typed import Typed

Types = tuple[Any, ...]


def same_module(first: Op | Typed, first_inputs: Types, again: Op | Typed, again_inputs: Types) -> bool:
    """Have both calls one state, one constructor and, inside of a graph, one code?"""
    if state_of(first, first_inputs) != state_of(again, again_inputs):
        return False
    if isinstance(first, Typed) or isinstance(again, Typed):
        return bool(_code(first, first_inputs) == _code(again, again_inputs))
    return bool(_constructor(first, first_inputs) == _constructor(again, again_inputs))


def _code(callee: Op | Typed, inputs: Types) -> Any:
    if isinstance(callee, Op):
        return _parts(callee.forward(*inputs), inputs), _constructor(callee, inputs)
    return [[_code(c, i) for c, i in zip(done.calls, done.call_inputs, strict=False)] for done in callee.nodes]


def _constructor(op: Op, inputs: Types) -> Any:
    """The module of the op, if forward calls it."""
    return _parts(op.module(*inputs), inputs) if _owns(op.forward(*inputs)) else None


def _owns(expr: Any) -> bool:
    if isinstance(expr, (Module, Own)):
        return True
    return any(map(_owns, _inner(expr)))


def _inner(expr: Any) -> tuple[Any, ...]:
    if isinstance(expr, (Call, Module, Method)):
        of = (expr.of,) if isinstance(expr, Method) else ()
        return (*of, *expr.args, *expr.kwargs.values())
    return tuple(expr) if isinstance(expr, (list, tuple)) else ()


def _parts(expr: Any, types: Types) -> Any:
    """What two expressions are compared by. A size is where in the inputs it is found."""
    if isinstance(expr, Dim):
        return expr.render(lambda size: _place(size, types))
    if isinstance(expr, Real):
        return [expr.op, *(_parts(part, types) for part in expr.args)]
    inside = [_parts(part, types) for part in _inner(expr)]
    if isinstance(expr, (Call, Module, Method)):
        name = expr.fn if isinstance(expr, Call) else expr.name if isinstance(expr, Method) else ""
        return [type(expr).__name__, name, list(expr.kwargs), *inside]
    return [type(expr).__name__, *inside] if isinstance(expr, (list, tuple)) else expr


def _place(size: Dim, types: Types) -> str | None:
    for number, given in enumerate(types):
        if given is not None and size in given.shape:
            return f"IN{number}.shape[{given.shape.index(size)}]"
    return None
