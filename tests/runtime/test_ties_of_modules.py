"""A tie of a module: every parameter in it has two names, as those of a module that two others hold have in PyTorch."""

from __future__ import annotations

import torch

import archspec

SPEC = """
archspec: 1
name: twice
inputs: {x: "float32[B, 8]"}
blocks:
  Mlp:
    params: {act: relu}
    layers:
      - {name: fc1, linear: 16}
      - $act
      - {name: lists.0, linear: {out_features: 8, bias: false}}
layers:
  - {name: scale, parameter: {shape: 8, init: ones}}
  - {name: a.mlp, Mlp: {}, from: x}
  - {name: norm, layer_norm: {}, tie: {weight: scale}}
  - {name: b, sequence: [{name: mlp, Mlp: {act: gelu}}, layer_norm], tie: {mlp.fc1: a.mlp.fc1, mlp.lists: a.mlp.lists}}
"""


def test_every_parameter_in_it_is_the_other() -> None:
    module = archspec.compile(SPEC)
    state = module.state_dict(keep_vars=True)
    for name in ("fc1.weight", "fc1.bias", "lists.0.weight"):
        assert state[f"a.mlp.{name}"] is state[f"b.mlp.{name}"]
    assert state["norm.weight"] is state["scale"]
    assert state["b.1.weight"] is not state["scale"]
    total = 8 * 16 + 16 + 16 * 8 + 8 + 8 + 16
    assert archspec.check(SPEC).parameters == sum(p.numel() for p in module.parameters()) == total


def test_it_computes_what_one_module_called_twice_does() -> None:
    module = archspec.compile(SPEC).double()
    x = torch.randn(3, 8, dtype=torch.float64)
    fc1, last = (dict(module.named_modules())[f"a.mlp.{name}"] for name in ("fc1", "lists.0"))
    y = last(torch.relu(fc1(x)))
    y = torch.nn.functional.layer_norm(y, (8,))
    y = torch.nn.functional.layer_norm(last(torch.nn.functional.gelu(fc1(y))), (8,))
    given = module(x)
    torch.testing.assert_close(given, y)
    assert torch.autograd.grad(given.sum() + given[0, 0], fc1.weight)[0].abs().sum() > 0
