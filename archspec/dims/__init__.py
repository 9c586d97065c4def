"""Symbolic sizes: exact (floors kept) and canonical."""

from archspec.dims.constraints import Constraints, Facts, Requirement
from archspec.dims.size import Dim, Size, ceil_div, maximum, minimum, symbol

__all__ = ["Constraints", "Dim", "Facts", "Requirement", "Size", "ceil_div", "maximum", "minimum", "symbol"]
