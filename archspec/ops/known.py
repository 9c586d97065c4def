"""What was worked out of an op stays with it: the next check of an equal call on equal types looks it up.

A rule depends on its op, the types it reads, and the answers of the constraints it asks. `Known` keeps the questions
with the outcome: where they all hold again, so does the outcome. Refusals are not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archspec.dims import Size

if TYPE_CHECKING:
    from archspec.ops.base import Op
    from archspec.ops.tensor import TensorType

MAX_OPS = 4096  # equal calls are one op, for so many; then it begins anew
MAX_TYPES = 32  # of inputs, of one op
MAX_DEMANDS = 1 << 14

Demand = tuple[str, Size, Size]  # a question to the constraints: its name, and of what

_ops: dict[Any, Op] = {}
always: set[Demand] = set()  # proved without a promise or requirement: it holds for all sizes


class Known:
    """Of one op on inputs of some types. `cost` is filled in by the cost stage, `unread` by warnings."""

    __slots__ = ("cost", "demands", "outputs", "unread")

    def __init__(self, outputs: tuple[TensorType, ...], demands: tuple[Demand, ...]) -> None:
        self.outputs = outputs
        self.demands = demands
        self.cost: Any = None
        self.unread: Any = None


def op_of(cls: type[Op], values: dict[str, Any]) -> Op:
    """`cls.parse(values)`, the same op for equal values. Raises BadValue."""
    key = (cls, *((name, freeze(value)) for name, value in values.items()))
    op = _ops.get(key)
    if op is None:
        op = cls.parse(values)
        if len(_ops) >= MAX_OPS:
            _ops.clear()
        _ops[key] = op
    return op


def remember(op: Op, inputs: tuple[Any, ...], known: Known) -> None:
    if len(op.known) >= MAX_TYPES:
        op.known.clear()
    op.known[inputs] = known


def forget() -> None:
    """Begin anew."""
    _ops.clear()
    always.clear()


def freeze(value: Any) -> Any:
    """A hashable stand-in for a value, equal only for equal values of equal types (1, 1.0 and true differ)."""
    kind = type(value)
    if kind is int or kind is str:
        return value
    if kind is float:
        return ("float", repr(value))  # tells 0.0 from -0.0
    if kind is bool:
        return ("bool", value)
    if isinstance(value, (list, tuple)):
        return ("list", *map(freeze, value))
    if isinstance(value, dict):
        return ("dict", *((key, freeze(item)) for key, item in value.items()))
    return (kind.__name__, value)
