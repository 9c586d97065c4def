"""Tensors that no machine can address: PyTorch counts the bytes of a tensor in 63 bits."""

from __future__ import annotations

from typing import Any

from archspec.ops.base import Op
from archspec.ops.require import Require
from archspec.ops.tensor import ITEMSIZE, TensorType

_LARGE = 1 << 31  # a size from which on it is worth looking at a tensor's bytes
_MOST = 1 << 63


def check_extent(require: Require, op: Op, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> None:
    """AS304 for a result, or a parameter, of 2**63 bytes or more."""
    around = [kind for kind in (*inputs, *outputs) if kind is not None]
    large = any(isinstance(size, int) and size >= _LARGE for kind in around for size in kind.shape)
    # Smaller sizes can only come to so much where there are several of them.
    if not large and not any(len(kind.shape) > 2 and _bytes(kind.dtype, kind.shape) >= _MOST for kind in outputs):
        return
    for kind in outputs:
        if _bytes(kind.dtype, kind.shape) >= _MOST:
            require.fail("AS304", f"`{op.name}` gives {kind}, more than the 2**63 bytes that a tensor can have")
    for state in op.state(*inputs):
        if _bytes(state.dtype, state.shape) >= _MOST:
            shape = ", ".join(map(str, state.shape))
            words = f"`{state.name}` [{shape}] of `{op.name}`" if state.name else f"[{shape}]"
            require.fail("AS304", f"{words} has more than the 2**63 bytes that a tensor can have")


def _bytes(dtype: str, shape: tuple[Any, ...]) -> int:
    """The least bytes of a tensor: a symbol is 1 at least."""
    total = ITEMSIZE[dtype]
    for size in shape:
        if isinstance(size, int):
            total *= size
    return total
