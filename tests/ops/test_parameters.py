"""Initial values of parameters and buffers, each initialiser with each dtype and rank, against PyTorch."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from harness import build, program

from archspec.dims import Constraints, Facts
from archspec.ops.base import Op
from archspec.ops.kinds import BadValue
from archspec.ops.parameters import Buffer, Parameter
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import DTYPES

INITS: tuple[Any, ...] = (
    "zeros", "ones", {"constant": 3}, {"constant": {"val": 0.5}}, "normal", {"normal": {"mean": 1, "std": 0.02}},
    "uniform", {"uniform": {"a": -1, "b": 1}}, {"trunc_normal": {"std": 0.02}}, "orthogonal", "eye",
    "xavier_uniform", {"xavier_normal": {"gain": 0.5}}, {"kaiming_uniform": {"nonlinearity": "relu"}},
    {"kaiming_normal": {"mode": "fan_out"}}, "dirac", {"dirac": {"groups": 2}},
    "sinusoidal", {"sinusoidal": {"max_period": 100}}, {"sparse": 0.5}, {"sparse": {"sparsity": 0.1, "std": 2}},
)  # fmt: skip
BUFFER_INITS: tuple[Any, ...] = (
    *INITS, {"full": 7}, {"full": {"fill_value": -1.5}}, "arange", {"arange": {"start": 3, "step": -2}},
    {"linspace": {"end": 2}}, {"linspace": {"end": 300}}, {"linspace": {"end": 1e6}}, {"logspace": {"end": 2}},
    {"logspace": {"end": -1, "base": 10000}}, {"logspace": {"end": -0.5, "base": 1e6}},
    {"grid": {"sizes": [2, 2], "steps": [3, -1], "start": 1}}, {"grid": {"sizes": [4, 3], "steps": [1, 0]}},
    "tril", {"triu": {"diagonal": 1, "fill_value": 2.5}},
)  # fmt: skip
SHAPES = ([], [4], [4, 4], [4, 3], [2, 3, 2], [4, 2, 2, 2], [2, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1])


def value(op: Op) -> torch.Tensor:
    net = build(program(op, ()))
    out = net()
    assert isinstance(out, torch.Tensor)
    return out


def refusal(op: Op) -> str | None:
    try:
        op.infer(Require(Constraints(Facts({}))))
    except Mismatch as bad:
        return bad.message
    return None


def agrees(cls: type[Op], init: Any, shape: list[int], dtype: str) -> None:
    try:
        op = cls.parse({"shape": shape, "init": init, "dtype": dtype})
    except BadValue:
        assert cls is Parameter
        assert dtype not in ("float16", "bfloat16", "float32", "float64")
        return
    why = refusal(op)
    try:
        made = value(op)
    except (RuntimeError, ValueError, TypeError, IndexError, ZeroDivisionError) as error:
        if "not implemented for 'Half'" in str(error) or "not implemented for 'BFloat16'" in str(error):
            return
        assert why, f"PyTorch refuses: {error}"
        return
    if why is not None and (list(made.shape) != shape or (dtype == "bool" and made.numel() == 1)):
        return  # the code for it makes something else; a linspace of one bool passes by accident
    assert why is None, f"refused ({why}), but PyTorch gives {made.dtype} {tuple(made.shape)}"
    assert (str(made.dtype), list(made.shape)) == (f"torch.{dtype}", shape)


@pytest.mark.parametrize("init", INITS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_parameter_inits(init: Any, shape: list[int]) -> None:
    for dtype in ("float32", "float64", "bfloat16", "float16"):
        agrees(Parameter, init, shape, dtype)


@pytest.mark.parametrize("init", BUFFER_INITS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_buffer_inits(init: Any, shape: list[int]) -> None:
    for dtype in DTYPES:
        agrees(Buffer, init, shape, dtype)


def test_sinusoidal_positions() -> None:
    made = value(Parameter.parse({"shape": [5, 6], "init": "sinusoidal", "dtype": "float64"}))
    expected = [[wave(t / 10000 ** (k / 2)) for wave in (math.sin, math.cos) for k in range(3)] for t in range(5)]
    assert torch.allclose(made, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)
    batch = value(Parameter.parse({"shape": [2, 5, 6], "init": "sinusoidal", "dtype": "float64"}))
    assert torch.equal(batch, made.expand(2, 5, 6))


def test_a_parameter_may_be_fixed() -> None:
    fixed = Parameter.parse({"shape": 4, "requires_grad": False})
    assert [p.requires_grad for p in build(program(fixed, ())).parameters()] == [False]
