"""dtype promotion of tensors, zero-dimensional tensors and Python scalars, all pairs, against torch.result_type."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
import torch

from archspec.dims import Constraints, Facts
from archspec.ops.broadcast import result_type
from archspec.ops.registry import all_ops
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import DTYPES, TensorType, promote

SCALARS: tuple[Any, ...] = (True, 2, -1.5)


def torch_of(operand: Any) -> Any:
    if isinstance(operand, TensorType):
        return torch.zeros(operand.shape, dtype=getattr(torch, operand.dtype))
    return operand


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # complex32 is experimental
        yield


def said(rule: Callable[..., Any], *operands: Any) -> str:
    try:
        found = rule(*operands)
        return f"torch.{found if isinstance(found, str) else found.dtype}"
    except Mismatch:
        return "torch.complex32"  # the only refusal


@pytest.mark.parametrize("a", DTYPES)
def test_promote(a: str) -> None:
    for b in DTYPES:
        assert f"torch.{promote(a, b)}" == str(torch.promote_types(getattr(torch, a), getattr(torch, b))), (a, b)


@pytest.mark.parametrize("a", DTYPES)
def test_result_type_of_two(a: str) -> None:
    shapes: tuple[tuple[int, ...], ...] = ((), (2,))
    for own, other, b in product(shapes, shapes, (*DTYPES, *SCALARS)):
        x = TensorType(a, own)
        y = TensorType(b, other) if isinstance(b, str) else b
        assert said(result_type, x, y) == str(torch.result_type(torch_of(x), torch_of(y))), (x, y)


def test_chains_promote_step_by_step() -> None:
    """`a + b + c` is two sums: what the first gives has dimensions, and its dtype then counts in full."""
    add = all_ops()["add"].parse({})
    names = ("bool", "int8", "int64", "float16", "bfloat16", "float64", "complex64")
    ranks: tuple[tuple[int, ...], ...] = ((), (2,))
    for a, b, c in product(product(names, ranks), repeat=3):
        types = [TensorType(*t) for t in (a, b, c)]
        x, y, z = map(torch_of, types)
        if (x + y).dtype == torch.complex32:
            continue
        assert said(add.infer, Require(Constraints(Facts({}))), *types) == str((x + y + z).dtype), types


def test_stack_promotes_at_once() -> None:
    stack = all_ops()["stack"].parse({})
    names = ("bool", "uint8", "int8", "int64", "float16", "bfloat16", "float64", "complex64")
    for a, b, c in product(names, repeat=3):
        types = [TensorType(name, (2,)) for name in (a, b, c)]
        theirs = torch.stack([torch_of(t) for t in types]).dtype
        assert said(stack.infer, Require(Constraints(Facts({}))), *types) == str(theirs), types
