"""Frozen parameters and groups in training, against the same written by hand in PyTorch."""

from __future__ import annotations

from pathlib import Path

import torch
from runtime_standin import digits, net, recipe
from torch import nn

from archspec import pipeline
from archspec.model.build import from_source
from archspec.recipe.model import ParamGroup, Tuning
from archspec.runtime.freeze import freeze
from archspec.runtime.interrupt import Stop
from archspec.runtime.optim import build_optimizer
from archspec.runtime.progress import Display
from archspec.runtime.run_folder import RunFolder
from archspec.runtime.trainer import Trainer
from archspec.runtime.wrap import prepare


def test_groups_are_pytorchs() -> None:
    module = net()
    part = recipe(optimizer=("sgd", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1})).optimizer
    groups = [
        ParamGroup(("conv1.weight", "fc.weight"), 0, {}),
        ParamGroup(("conv1.bias", "bn1.weight", "bn1.bias", "conv2.weight", "conv2.bias"), 0, {"lr": 0.01}),
        ParamGroup(("fc.bias",), 0, {"weight_decay": 0.0, "momentum": 0.5}),
    ]
    mine = build_optimizer(part, module, groups)
    other = net()
    theirs = torch.optim.SGD(
        [
            {"params": [other.conv1.weight, other.fc.weight]},
            {"params": [other.conv1.bias, *other.bn1.parameters(), *other.conv2.parameters()], "lr": 0.01},
            {"params": [other.fc.bias], "weight_decay": 0.0, "momentum": 0.5},
        ],
        lr=0.1, momentum=0.9, weight_decay=0.1,
    )  # fmt: skip
    batch = digits().train.take(torch.arange(64))
    for _ in range(3):
        for model, optimizer in ((module, mine), (other, theirs)):
            optimizer.zero_grad()
            torch.manual_seed(1)
            nn.functional.cross_entropy(model(batch["image"]), batch["label"]).backward()
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), other.parameters(), strict=True))


FROZEN = ("conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var")


def test_a_frozen_batch_norm_keeps_its_statistics() -> None:
    """As torchvision's FrozenBatchNorm2d, and Keras's `trainable = False`: it normalises by what it has seen before."""
    module = net()
    module.bn1.running_mean.fill_(0.3)
    freeze(module, FROZEN)
    module.train()
    assert module.training and module.conv2.training and not module.bn1.training
    before = {k: v.clone() for k, v in module.state_dict().items()}
    x = torch.randn(8, 1, 8, 8)
    seen: list[torch.Tensor] = []
    module.bn1.register_forward_hook(lambda _, given, out: seen.append((given[0], out)))  # type: ignore[func-returns-value]
    module(x).sum().backward()
    given, out = seen[0]
    assert torch.equal(out, nn.functional.batch_norm(given, module.bn1.running_mean, module.bn1.running_var))
    assert module.conv1.weight.grad is None and module.conv2.weight.grad is not None
    assert all(torch.equal(module.state_dict()[k], before[k]) for k in FROZEN)


def test_a_batch_norm_whose_weights_alone_are_frozen_goes_on_measuring() -> None:
    module = net()
    freeze(module, ("bn1.weight", "bn1.bias"))
    module.train()
    module(torch.randn(8, 1, 8, 8))
    assert module.bn1.training and module.bn1.num_batches_tracked == 1


def test_training_moves_all_but_the_frozen(tmp_path: Path) -> None:
    module = net()
    freeze(module, FROZEN)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    given = recipe(epochs=2, tuning=Tuning(frozenset(FROZEN)))
    prepared = prepare(module, torch.device("cpu"), given.runtime)
    folder = RunFolder.create(tmp_path / "run", "net")
    Trainer(prepared, digits(), given, folder, Display(), Stop()).run()
    folder.close()
    moved = {k for k, v in module.state_dict().items() if not torch.equal(v, before[k])}
    assert moved == {"conv2.weight", "conv2.bias", "fc.weight", "fc.bias"}


def test_training_leaves_constant_weights(tmp_path: Path) -> None:
    text = """
inputs: {image: "float32[B, 1, 8, 8]"}
blocks:
  Layer: {layers: [{name: conv, conv2d: {out_channels: 4, kernel_size: 3}}, relu]}
layers:
  - {name: stem, requires_grad: false, Layer: {}}
  - {name: kept, forward: false, conv2d: {out_channels: 2, kernel_size: 1}}
  - flatten
  - {name: fc, linear: 10}
outputs: {logits: fc}
"""
    module = from_source(pipeline.emitted(pipeline.check(text).raise_for_errors()))
    before = {k: v.clone() for k, v in module.state_dict().items()}
    given = recipe(epochs=1)
    folder = RunFolder.create(tmp_path / "run", "net")
    Trainer(prepare(module, torch.device("cpu"), given.runtime), digits(), given, folder, Display(), Stop()).run()
    folder.close()
    assert {k for k, v in module.state_dict().items() if not torch.equal(v, before[k])} == {"fc.weight", "fc.bias"}
