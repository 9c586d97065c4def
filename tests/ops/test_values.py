"""Values that the printed code computes, where an op is not simply the PyTorch function of its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from harness import build, program

from archspec.dims import Constraints, Facts
from archspec.ops.registry import all_ops
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import TensorType

X = torch.arange(24.0).reshape(2, 3, 4) - 7
Y = torch.linspace(-1, 1, 4)
MASK = X > 3
WHOLE = torch.arange(-3, 3)

CASES: tuple[tuple[str, dict[str, Any], tuple[torch.Tensor, ...], Callable[[], Any]], ...] = (
    ("add", {"other": 2}, (X,), lambda: X + 2),
    ("add", {}, (X, Y, X), lambda: X + Y + X),
    ("sub", {}, (X, Y), lambda: X - Y),
    ("rsub", {"other": 1}, (X,), lambda: 1 - X),
    ("mul", {"other": 0.5}, (X, Y), lambda: X * Y * 0.5),
    ("div", {"other": 2, "rounding_mode": "floor"}, (WHOLE,), lambda: WHOLE // 2),
    ("remainder", {"other": 4}, (WHOLE,), lambda: WHOLE % 4),
    ("pow", {"exponent": 2}, (X,), lambda: X * X),
    ("pow", {"base": 2.0}, (Y,), lambda: torch.exp2(Y)),
    ("maximum", {"other": 0.0}, (X,), lambda: torch.relu(X)),
    ("minimum", {"other": 3}, (X,), lambda: torch.where(X < 3, X, 3.0)),
    ("minimum", {}, (X, Y), lambda: torch.minimum(X, Y)),
    ("neg", {}, (X,), lambda: 0 - X),
    ("logical_not", {}, (MASK,), lambda: X <= 3),
    ("logical_and", {}, (MASK, X < 9, Y > 0), lambda: (X > 3) * (X < 9) * (Y > 0)),
    ("logical_xor", {}, (X, Y), lambda: (X != 0) ^ (Y != 0)),
    ("where", {"y": 0}, (MASK, X), lambda: X * MASK),
    ("where", {"x": 1, "y": -1}, (MASK,), lambda: MASK * 2 - 1),
    ("masked_fill", {"value": float("-inf")}, (X, MASK), lambda: torch.where(MASK, float("-inf"), X)),
    ("select", {"dim": 1, "index": -1}, (X,), lambda: X.select(1, -1)),
    ("select", {"dim": -1, "index": 2}, (X,), lambda: X.select(2, 2)),
    ("slice", {"dim": 1, "start": 1}, (X,), lambda: X.narrow(1, 1, 2)),
    ("slice", {"dim": -1, "start": -3, "stop": -1}, (X,), lambda: X.narrow(2, 1, 2)),
    ("slice", {"dim": 2, "step": 3}, (X,), lambda: X.index_select(2, torch.tensor([0, 3]))),
    ("chunk", {"chunks": 1, "dim": 1}, (X,), lambda: X),
    ("chunk", {"chunks": 2, "dim": 1}, (X,), lambda: (X[:, :2], X[:, 2:])),
    ("split", {"split_size": [1, 3], "dim": -1}, (X,), lambda: (X[..., :1], X[..., 1:])),
    ("unbind", {}, (X,), lambda: (X[0], X[1])),
    ("concat", {"dim": 1}, (X, X), lambda: X.repeat(1, 2, 1)),
    ("stack", {"dim": -1}, (Y, Y), lambda: Y[:, None].expand(4, 2)),
    ("flatten", {}, (X,), lambda: X.reshape(2, 12)),
    ("arange", {"like": "x", "dim": 1, "start": 1}, (X,), lambda: torch.tensor([1, 2])),
    ("arange", {"end": 0, "start": 4, "step": -2}, (), lambda: torch.tensor([4, 2])),
    ("full", {"fill_value": 3, "like": "x", "shape": [2]}, (X,), lambda: torch.tensor([3.0, 3.0])),
    ("ones", {"like": "x", "dtype": "bool"}, (X,), lambda: X == X),
    ("linspace", {"start": -1, "end": 1, "steps": 4}, (), lambda: Y),
    ("logspace", {"start": 0, "end": 3, "steps": 4, "base": 2}, (), lambda: torch.tensor([1.0, 2.0, 4.0, 8.0])),
    ("eye", {"n": 3, "dtype": "bool"}, (), lambda: torch.arange(3)[:, None] == torch.arange(3)),
    ("triu_indices", {"row": 3, "col": 3, "offset": 1}, (), lambda: torch.tensor([[0, 0, 1], [1, 2, 2]])),
    ("rfftfreq", {"n": 4, "d": 0.5}, (), lambda: torch.tensor([0, 0.5, 1.0])),
    ("hamming_window", {"window_length": 2, "beta": 0.25}, (), lambda: torch.tensor([0.29, 0.79])),
    ("bartlett_window", {"window_length": 5, "periodic": False}, (), lambda: torch.tensor([0, 0.5, 1, 0.5, 0])),
    ("quantile", {"q": [0.0, 1.0], "dim": -1}, (X,), lambda: torch.stack([X[..., 0], X[..., -1]])),
    ("kthvalue", {"k": 2}, (X,), lambda: (X[..., 1], torch.ones(2, 3, dtype=torch.int64))),
    ("count_nonzero", {"dim": [1, 2]}, (X,), lambda: torch.tensor([11, 12])),
    (
        "index",
        {"dim": 1},
        (X, torch.tensor([0, 2]), torch.tensor([1, 3])),
        lambda: torch.stack([X[:, 0, 1], X[:, 2, 3]], 1),
    ),
    ("index_put", {}, (Y, torch.tensor(5.0), torch.tensor([1])), lambda: torch.tensor([-1, 5, Y[2], 1])),
    ("meshgrid", {"indexing": "xy"}, (Y[:2], Y[:1]), lambda: (Y[None, :2], Y[None, [0, 0]])),
    ("tensor_split", {"indices_or_sections": [1, 3]}, (Y,), lambda: (Y[:1], Y[1:3], Y[3:])),
    ("unravel_index", {"shape": [2, 3]}, (torch.tensor([4]),), lambda: (torch.tensor([1]), torch.tensor([1]))),
    ("trapezoid", {"dx": 2.0}, (torch.ones(2, 4),), lambda: torch.tensor([6.0, 6.0])),
    ("matrix_norm", {"ord": 1.0}, (X[0],), lambda: X[0].abs().sum(0).max()),
    ("lstsq", {}, (torch.eye(3), X[0, :3]), lambda: X[0, :3]),
    ("cholesky_solve", {}, (X[0], 2 * torch.eye(3)), lambda: X[0] / 4),
    ("randn", {"like": "x", "training_only": True}, (X,), lambda: X * 0),
    (
        "buffer",
        {"shape": 6, "init": {"grid": {"sizes": [2, 3], "steps": [5, -1], "start": 2}}, "dtype": "int64"},
        (),
        lambda: torch.tensor([2, 1, 0, 7, 6, 5]),
    ),
    ("buffer", {"shape": [2, 2], "init": "tril", "dtype": "bool"}, (), lambda: torch.tensor([[1, 0], [1, 1]]).bool()),
    ("buffer", {"shape": [2], "init": {"values": [1, 2]}}, (), lambda: torch.tensor([1.0, 2.0])),
    ("buffer", {"shape": [1, 3], "init": {"arange": {"start": 2, "step": 2}}}, (), lambda: torch.tensor([[2.0, 4, 6]])),
    (
        "buffer",
        {"shape": [2, 2], "init": {"triu": {"diagonal": 1, "fill_value": float("-inf")}}},
        (),
        lambda: torch.tensor([[0, float("-inf")], [0, 0]]),
    ),
    ("norm", {"ord": 1, "dim": -1}, (X,), lambda: X.abs().sum(-1)),
    ("var", {"dim": 1, "correction": 0}, (X,), lambda: ((X - X.mean(1, keepdim=True)) ** 2).mean(1)),
    ("scatter", {"dim": 0, "value": 9}, (Y, torch.tensor([2, 0])), lambda: torch.tensor([9, -1 / 3, 9, 1])),
    (
        "index_add",
        {"dim": 0},
        (torch.zeros(3), torch.tensor([2, 0, 2]), torch.tensor([1.0, 2, 3])),
        lambda: torch.tensor([2.0, 0, 4]),
    ),
    ("slice_scatter", {"start": 1, "step": 2}, (Y, torch.zeros(2)), lambda: Y * torch.tensor([1, 0, 1, 0])),
    ("select_scatter", {"dim": 1, "index": -1}, (X, torch.zeros(2, 4)), lambda: X * torch.tensor([[1], [1], [0]])),
    ("unfold_dim", {"dimension": 0, "size": 2, "step": 1}, (Y,), lambda: torch.stack([Y[:-1], Y[1:]], 1)),
    ("addmm", {"beta": 2, "alpha": 3}, (Y, X[0], torch.eye(4)), lambda: 2 * Y + 3 * X[0]),
    ("lerp", {"weight": 0.25}, (X, X + 4), lambda: X + 1),
    ("atan2", {}, (torch.tensor([1.0]), torch.tensor([0.0])), lambda: torch.tensor([torch.pi / 2])),
    ("rfft", {}, (torch.tensor([1.0, 0, 0, 0]),), lambda: torch.ones(3, dtype=torch.complex64)),
    ("einsum", {"equation": "b i d, d -> b i"}, (X, Y), lambda: (X * Y).sum(-1)),
)


@pytest.mark.parametrize(
    ("name", "args", "inputs", "expected"), CASES, ids=lambda v: str(v) if isinstance(v, str) else ""
)
def test_value(name: str, args: dict[str, Any], inputs: tuple[torch.Tensor, ...], expected: Callable[[], Any]) -> None:
    op = all_ops()[name].parse(args)
    types = tuple(TensorType(str(t.dtype)[6:], tuple(t.shape)) for t in inputs)
    variadic = any(n.startswith("*") for n in op.inputs)
    missing = 0 if variadic else len(op.inputs) + len(op.ref_inputs) - len(inputs)
    types += (None,) * missing  # type: ignore[assignment]
    op.infer(Require(Constraints(Facts({}))), *types)
    found = build(program(op, types)).eval()(*inputs, *(None,) * missing)
    torch.testing.assert_close(found, expected(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "args", "dtype", "code"),
    [
        ("masked_fill", {"value": -1e9}, "float16", "AS303"),
        ("masked_fill", {"value": float("-inf")}, "int64", "AS303"),
        ("clamp", {"max": 300}, "uint8", "AS303"),
        ("sub", {"other": 1}, "bool", "AS303"),
        ("pow", {"exponent": -1}, "int64", "AS303"),
        ("div", {"other": 0, "rounding_mode": "floor"}, "int64", "AS205"),
        ("mean", {}, "int64", "AS303"),
        ("split", {"split_size": 1}, "float32", "AS304"),
        ("chunk", {"chunks": 10**12}, "float32", "AS304"),
        ("unbind", {}, "float32", "AS304"),
    ],
)
def test_refused(name: str, args: dict[str, Any], dtype: str, code: str) -> None:
    """Mistakes that PyTorch finds only when it runs, or only by running out of memory."""
    op = all_ops()[name].parse(args)
    inputs = [TensorType(dtype, (10**12,))] + [TensorType("bool", (1,))] * (
        len(op.inputs) - 1 if op.name[0] == "m" else 0
    )
    with pytest.raises(Mismatch) as caught:
        op.infer(Require(Constraints(Facts({}))), *inputs)
    assert caught.value.code == code
