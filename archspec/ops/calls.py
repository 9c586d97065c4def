"""Writing calls the way an engineer would: defaults left out, equal sizes collapsed, no dtype where it is float32."""

from __future__ import annotations

from typing import Any

from archspec.ops.base import Op
from archspec.ops.expr import Name
from archspec.ops.kinds import Kind, OneOf, Optional, Spread
from archspec.ops.tensor import TensorType


def lone(values: tuple[Any, ...]) -> Any:
    """`3` for `(3, 3)`: what a constructor accepts for sizes that are all equal."""
    return values[0] if values and all(v == values[0] for v in values) else values


def _spreads(kind: Kind[Any]) -> bool:
    if isinstance(kind, Optional):
        return _spreads(kind.kind)
    return isinstance(kind, Spread) or (isinstance(kind, OneOf) and any(map(_spreads, kind.kinds)))


def given(op: Op, *names: str) -> dict[str, Any]:
    """Keyword arguments for those of the named arguments whose value is not the default, in that order."""
    out: dict[str, Any] = {}
    for name in names:
        declared, value = op.args[name], getattr(op, name)
        default = declared.default
        if declared.required or value != (default if default is None else declared.kind.parse(default)):
            out[name] = lone(value) if isinstance(value, tuple) and _spreads(declared.kind) else value
    return out


def dtype_of(x: TensorType) -> dict[str, Any]:
    """`dtype=` for a module whose parameters have the dtype of its input; PyTorch's default is float32."""
    return {"dtype": Name(f"torch.{x.dtype}")} if x.is_floating and x.dtype != "float32" else {}
