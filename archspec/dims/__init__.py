"""Symbolic sizes: exact (floors kept) and canonical."""

from archspec.dims.broadcast import broadcast_size
from archspec.dims.constraints import Constraints, Facts, Refusal, Requirement
from archspec.dims.extremes import settled_from
from archspec.dims.limits import TooComplex
from archspec.dims.real import Real
from archspec.dims.size import Dim, Size, ceil_div, maximum, minimum, symbol

__all__ = [
    "Constraints",
    "Dim",
    "Facts",
    "Real",
    "Refusal",
    "Requirement",
    "Size",
    "TooComplex",
    "broadcast_size",
    "ceil_div",
    "maximum",
    "minimum",
    "settled_from",
    "symbol",
]
