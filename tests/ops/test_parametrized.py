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
from archspec.ops.parametrized import PARAMETRIZATIONS, ParametrizationKind, parametrized
from archspec.ops.registry import all_ops
from archspec.ops.require import Require

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
    assert (each.refuses(tuple(weight.shape)) is None) == fits
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
