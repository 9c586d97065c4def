"""What is known of a tensor before it exists: its dtype and its (possibly symbolic) sizes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from archspec.dims import Size
from archspec.reading.dtypes import COMPLEX, DTYPES, FLOATING, INTEGRAL

__all__ = ["COMPLEX", "DTYPES", "FLOATING", "INTEGRAL", "ITEMSIZE", "TensorType", "promote"]

ITEMSIZE = {
    "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8,
    "uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8,
    "complex64": 8, "complex128": 16, "bool": 1,
}  # fmt: skip


def dtype_words(dtypes: Iterable[str]) -> str:
    """`floating point, int32 or int64`: a set of dtypes in words, whole families by their name."""
    left = list(dict.fromkeys(dtypes))
    words: list[str] = []
    for name, family in (("floating point", FLOATING), ("integer", INTEGRAL), ("complex", COMPLEX)):
        if all(dtype in left for dtype in family):
            words.append(name)
            left = [dtype for dtype in left if dtype not in family]
    words += left
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


class TensorType(NamedTuple):
    """dtype and shape; a size is an int, or a `Dim` where it is only known when the model runs."""

    dtype: str
    shape: tuple[Size, ...]

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_floating(self) -> bool:
        return self.dtype in FLOATING

    def with_shape(self, shape: Iterable[Size]) -> TensorType:
        return TensorType(self.dtype, tuple(shape))

    def with_dtype(self, dtype: str) -> TensorType:
        return TensorType(dtype, self.shape)

    def numel(self) -> Size:
        total: Size = 1
        for size in self.shape:
            total = total * size
        return total

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


def _category(dtype: str) -> int:
    if dtype in COMPLEX:
        return 3
    if dtype in FLOATING:
        return 2
    return 0 if dtype == "bool" else 1


def promote(a: str, b: str) -> str:
    """The dtype PyTorch gives to an operation on tensors of these two dtypes (torch.promote_types)."""
    if a == b:
        return a
    ca, cb = _category(a), _category(b)
    if ca < cb:
        a, b, ca, cb = b, a, cb, ca
    if ca == 3:
        wide = "float64" if b == "float64" else "float32"
        return "complex128" if "complex128" in (a, b) or wide == "float64" else "complex64"
    if ca != cb:
        return a
    if ca == 2:
        if {a, b} == {"float16", "bfloat16"}:
            return "float32"
        order: tuple[str, ...] = ("float16", "bfloat16", "float32", "float64")
        return max(a, b, key=order.index)
    if "uint8" in (a, b):  # unsigned 8 bits fit into no signed 8 bits
        other = b if a == "uint8" else a
        return "int16" if other == "int8" else other
    return max(a, b, key=lambda d: ITEMSIZE[d])
