"""Kinds of argument values: what is accepted, its canonical form, its JSON Schema, its words in an error."""

from __future__ import annotations

from archspec.ops.kinds.composed import ListOf, OneOf, Optional, Pair, Refined, Spread
from archspec.ops.kinds.kind import EXPRESSION, BadValue, Kind, show
from archspec.ops.kinds.plain import (
    AnyDType,
    AnyInt,
    Bool,
    Choice,
    Float,
    Int,
    NonNegativeFloat,
    NonNegativeInt,
    Number,
    PositiveFloat,
    PositiveInt,
    Probability,
    Str,
    ValueRef,
)
from archspec.ops.kinds.sizes import AnySize, AScalar, ASize, ASized, ASizeOrNumber, Scalar, SizeKind, SizeOrNumber

__all__ = [
    "EXPRESSION",
    "AScalar",
    "ASize",
    "ASizeOrNumber",
    "ASized",
    "AnyDType",
    "AnyInt",
    "AnySize",
    "BadValue",
    "Bool",
    "Choice",
    "Float",
    "Int",
    "Kind",
    "ListOf",
    "NonNegativeFloat",
    "NonNegativeInt",
    "Number",
    "OneOf",
    "Optional",
    "Pair",
    "PositiveFloat",
    "PositiveInt",
    "Probability",
    "Refined",
    "Scalar",
    "SizeKind",
    "SizeOrNumber",
    "Spread",
    "Str",
    "ValueRef",
    "show",
]
