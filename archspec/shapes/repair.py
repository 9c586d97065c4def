"""What would make two sizes agree, where that can be told from how they came about."""

from __future__ import annotations

from typing import Any

from archspec.graph.ir import OpCall, Value
from archspec.shapes.trail import change, named
from archspec.shapes.typed import Typed


def repair(typed: Typed, values: tuple[Value, Value], types: tuple[Any, Any], axes: tuple[int, int]) -> str | None:
    """Words for the help of "reads two sizes that differ"."""
    for one, other in ((0, 1), (1, 0)):
        found = change(typed, values[one], axes[one])
        if found is None:
            continue
        there = named(typed, values[other])[0]
        stride = _stride(found.node.calls[0])
        size = types[one].shape[axes[one]]
        if stride is not None and axes[one] >= 2:
            return f"give `{found.node.label}` stride 1, or bring `{there}` to the same size (stride {stride})"
        rank = types[one].rank
        if axes[one] == 1 and rank in (4, 5) and types[other].rank == rank and isinstance(size, int):
            project = f"conv{rank - 2}d: {{out_channels: {size}, kernel_size: 1}}"
            return f"give both one number of channels: project `{there}` with {project}"
    return None


def _stride(call: Any) -> int | None:
    """The stride of an op that has one other than 1."""
    stride = getattr(call.op, "stride", None) if isinstance(call, OpCall) else None
    if isinstance(stride, tuple) and stride and all(s == stride[0] for s in stride):
        stride = stride[0]
    return stride if isinstance(stride, int) and stride > 1 else None
