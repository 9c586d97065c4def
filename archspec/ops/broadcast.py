"""Rules that elementwise ops share: broadcasting of sizes and promotion of dtypes."""

from __future__ import annotations

import math
from typing import Any

from archspec.dims import Dim, Size
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import COMPLEX, FLOATING, TensorType, promote

DEFAULT_FLOAT = "float32"


def broadcast(require: Require, shapes: list[tuple[Size, ...]], op: str, inputs: tuple[int, ...]) -> tuple[Size, ...]:
    """The shape several tensors broadcast to (https://docs.pytorch.org/docs/stable/notes/broadcasting.html).

    A 1 stretches, also where a symbol is 1: two sizes that are not constants give "equal, or one of them is 1".
    """
    rank = max(map(len, shapes))
    alike = all(len(shape) == rank for shape in shapes)
    out: list[Size] = []
    for back in range(rank, 0, -1):
        size: Size = 1
        first = 0  # which tensor `size` came from
        for number, shape in enumerate(shapes):
            if len(shape) < back or shape[-back] == 1:
                continue
            other = shape[-back]
            if size == 1:
                size, first = other, number
                continue
            size = require.broadcast(
                size,
                other,
                f"`{op}` reads two sizes that differ in dimension {rank - back if alike else -back}",
                inputs=(inputs[first], inputs[number]),
                axis=(len(shapes[first]) - back, len(shape) - back),
            )
        out.append(size)
    return tuple(out)


def category(dtype: str) -> int:
    """bool 0, integers 1, floating point 2, complex 3."""
    if dtype in COMPLEX:
        return 3
    if dtype in FLOATING:
        return 2
    return 0 if dtype == "bool" else 1


def scalar_dtype(value: Any) -> str:
    """What a Python scalar counts as. A symbolic size is an integer."""
    if isinstance(value, bool):
        return "bool"
    return "int64" if isinstance(value, (int, Dim)) else DEFAULT_FLOAT


def result_type(*operands: Any) -> str:
    """torch.result_type of tensors and Python scalars.

    Tensors with dimensions decide; a zero-dimensional tensor, and after it a scalar, changes the dtype only if it is of
    a higher category (https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc). Raises Mismatch
    where that is complex32.
    """
    levels: list[str | None] = [None, None, None]
    for operand in operands:
        tensor = isinstance(operand, TensorType)
        level = (0 if operand.shape else 1) if tensor else 2
        dtype = operand.dtype if tensor else scalar_dtype(operand)
        found = levels[level]
        levels[level] = dtype if found is None else promote(found, dtype)
    result: str | None = None
    for dtype in reversed(levels):
        if dtype is not None:
            result = dtype if result is None else _prefer(dtype, result)
    assert result is not None
    return result


def _prefer(higher: str, lower: str) -> str:
    if category(lower) <= category(higher):
        return higher
    if category(lower) == 3 and higher == "float16":
        raise Mismatch("AS303", "float16 with a complex number gives complex32, which is not supported")
    if category(lower) == 3 and category(higher) == 2:
        return "complex128" if higher == "float64" else "complex64"
    return lower


_LARGEST = {
    "float16": 65504.0, "bfloat16": 3.3895313892515355e38,
    "float32": 3.4028234663852886e38, "complex64": 3.4028234663852886e38,
    "uint8": 255, "int8": 127, "int16": 2**15 - 1, "int32": 2**31 - 1, "int64": 2**63 - 1,
}  # fmt: skip


def holds(dtype: str, value: Any) -> bool:
    """Does torch convert this number to the dtype? (`fill` and its like refuse a -1e9 in float16.)"""
    largest = _LARGEST.get(dtype)
    if largest is None or not isinstance(value, (int, float)):
        return True
    if not math.isfinite(value):
        return category(dtype) > 1
    least = -largest if category(dtype) > 1 or isinstance(value, int) else 0
    if dtype != "uint8" and category(dtype) == 1:
        least = -largest - 1
    return least <= value <= (float(largest) if isinstance(value, float) else largest)


def require_holds(require: Require, dtype: str, value: Any, argument: str) -> None:
    """The number, given as an argument, can be converted to the dtype."""
    if not holds(dtype, value):
        masks = category(dtype) == 2 and value < 0 and argument in ("value", "other", "fill_value")
        help = "`-.inf` masks in every floating dtype" if masks else None
        require.fail("AS303", f"{dtype} cannot hold {value}", argument=argument, help=help)


def computed_in(dtype: str) -> str:
    """The dtype that elementwise kernels convert a factor or limit to, for tensors of this one."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def require_exponent(require: Require, dtype: str, value: Any, argument: str) -> None:
    """`pow` of small floats and integers converts the exponent to their dtype; of others it computes in float64."""
    if category(dtype) == 1 or computed_in(dtype) != dtype:
        require_holds(require, dtype, value, argument)


def floating_result(dtype: str) -> str:
    """The dtype of a function of real numbers: integers and bool become the default dtype."""
    return dtype if dtype in FLOATING or dtype in COMPLEX else DEFAULT_FLOAT


def normalize_dims(require: Require, x: TensorType, dims: tuple[int, ...], argument: str = "dim") -> tuple[int, ...]:
    """Distinct non-negative axes of x."""
    axes = tuple(require.axis(x, d, argument) for d in dims)
    if len(set(axes)) != len(axes):
        require.fail("AS301", f"`{argument}` names an axis twice: {list(dims)}", inputs=(0,), argument=argument)
    return axes
