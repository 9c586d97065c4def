"""Parametrized ops against `torch.nn.utils.parametrizations`: what is kept instead of a parameter, and its cost."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import pytest
import torch
from harness import types_of
from torch import nn
from torch.nn.utils import parametrizations
from torch.utils.flop_counter import FlopCounterMode

from archspec.dims import Constraints, Facts
from archspec.ops.base import State
from archspec.ops.parametrized import PARAMETRIZATIONS, ParametrizationKind, parametrized
from archspec.ops.registry import all_ops
from archspec.ops.require import Mismatch, Require

KIND = ParametrizationKind()
OPS: dict[str, tuple[dict[str, Any], str, nn.Module, tuple[int, ...]]] = {
    "linear": ({"out_features": 6}, "float32[2, 4]", nn.Linear(4, 6), (2, 4)),
    "conv1d": ({"out_channels": 6, "kernel_size": 3}, "float32[2, 4, 9]", nn.Conv1d(4, 6, 3), (2, 4, 9)),
    "conv2d": (
        {"out_channels": 6, "kernel_size": [2, 3], "groups": 2},
        "float32[2, 4, 9, 8]",
        nn.Conv2d(4, 6, (2, 3), groups=2),
        (2, 4, 9, 8),
    ),
    "conv_transpose1d": (
        {"out_channels": 6, "kernel_size": 3},
        "float32[2, 4, 9]",
        nn.ConvTranspose1d(4, 6, 3),
        (2, 4, 9),
    ),
    "layer_norm": ({}, "float32[2, 4]", nn.LayerNorm(4), (2, 4)),
}
HOW: list[Any] = [
    "weight_norm",
    {"weight_norm": 1},
    {"weight_norm": {"dim": None}},
    "spectral_norm",
    {"spectral_norm": {"n_power_iterations": 3, "dim": 0}},
    {"spectral_norm": {"dim": -1, "eps": 1e-6}},
    "orthogonal",
    {"orthogonal": "cayley"},
    {"orthogonal": {"orthogonal_map": "householder", "use_trivialization": False}},
]


@pytest.mark.parametrize("how", HOW, ids=str)
@pytest.mark.parametrize("name", OPS)
def test_state_and_flops(name: str, how: Any) -> None:
    args, given, module, shape = OPS[name]
    each = KIND.of("weight", how)
    weight = module.get_parameter("weight")
    fits = len(weight.shape) > (1 if each.how == "orthogonal" else dict(each.args).get("dim") or 0)
    assert (each.refuses(State("weight", tuple(weight.shape), "float32")) is None) == fits
    if not fits:
        return
    op = parametrized(all_ops()[name], (each,)).parse(args)
    types = types_of(given)
    output = op.infer(Require(Constraints(Facts({}))), *types)
    made = getattr(parametrizations, each.how)(copy.deepcopy(module), **dict(each.args)).eval()
    parameters = dict(made.named_parameters())
    want = {name: (tuple(tensor.shape), name in parameters) for name, tensor in made.state_dict().items()}
    assert [(s.name, (s.shape, s.parameter)) for s in op.state(*types)] == list(want.items())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        made(torch.zeros(shape))
    assert op.flops(types, (output,)) == counter.get_total_flops()


@pytest.mark.parametrize("how", ["weight_norm", "spectral_norm", "orthogonal"])
@pytest.mark.parametrize("weight", ["weight_ih_l0", "weight_hh_l1"])
@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_flops_of_recurrent_layers(name: str, weight: str, how: str) -> None:
    """PyTorch computes each weight anew as often as it reads it."""
    op = parametrized(all_ops()[name], (KIND.of(weight, how),)).parse({"hidden_size": 6, "num_layers": 2})
    (x,) = types_of("float32[3, 2, 4]")
    outputs = op.infer(Require(Constraints(Facts({}))), x, *(None,) * (len(op.inputs) - 1))
    made = getattr(parametrizations, how)(getattr(nn, name.upper())(4, 6, 2), weight)
    made = made.eval().requires_grad_(False).to("meta")
    with FlopCounterMode(display=False) as counter:
        made(torch.zeros(3, 2, 4, device="meta"))
    assert op.flops((x,), outputs) == counter.get_total_flops()


MAPS = [
    {"orthogonal": {"orthogonal_map": name, "use_trivialization": given}}
    for name in ("matrix_exp", "cayley", "householder")
    for given in (True, False)
]


@pytest.mark.parametrize("how", [*HOW, {"orthogonal": {"use_trivialization": False}}, *MAPS], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(4, 4), (4, 6), (6, 4)], ids=str)
def test_dtypes(shape: tuple[int, int], dtype: str, how: Any) -> None:
    """Refused is what torch cannot make, run or train."""
    each = KIND.of("weight", how)
    kind = getattr(torch, dtype)
    refused = each.refuses(State("weight", shape, dtype))
    try:
        made = getattr(parametrizations, each.how)(nn.Linear(*reversed(shape), dtype=kind), **dict(each.args))
        made(torch.ones(2, shape[1], dtype=kind)).abs().sum().backward()
    except (NotImplementedError, TypeError, ValueError):
        assert refused is not None
    else:
        assert refused is None


def test_parameters_of_modules_inside() -> None:
    """torch registers nothing under a name with a dot."""
    with pytest.raises(ValueError, match="does not have"):
        parametrizations.weight_norm(nn.MultiheadAttention(8, 2), "out_proj.weight")
    op = parametrized(all_ops()["multihead_attention"], (KIND.of("out_proj.weight", "weight_norm"),))
    (x,) = types_of("float32[3, 2, 8]")
    with pytest.raises(Mismatch, match="belongs to a module inside"):
        op.parse({"num_heads": 2}).infer(Require(Constraints(Facts({}))), x, x, x, None, None)


def test_a_class_for_one_way_of_computing() -> None:
    linear, each = all_ops()["linear"], KIND.of("weight", "weight_norm")
    assert parametrized(linear, (each,)) is parametrized(linear, (KIND.of("weight", {"weight_norm": 0}),))
    assert parametrized(linear, (each,)).args == linear.args


def test_arguments_are_those_of_torch() -> None:
    for name, table in PARAMETRIZATIONS.items():
        theirs = dict(inspect.signature(getattr(parametrizations, name)).parameters)
        assert {*table, "module", "name"} == {*theirs}
        for key, (_, default) in table.items():
            assert theirs[key].default == (None if default is ... else default)
