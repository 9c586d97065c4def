"""Optimizers and losses against the signatures of PyTorch."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

from archspec.ops.kinds import BadValue
from archspec.recipe.losses import LOSSES
from archspec.recipe.optimizers import OPTIMIZERS

IMPLEMENTATION = {"params", "foreach", "fused", "capturable", "differentiable", "maximize"}
OBSOLETE = {"size_average", "reduce"}


def torch_class(counterpart: str) -> Any:
    package, _, name = counterpart.removeprefix("torch.").partition(".")
    return getattr(getattr(torch, package), name)


def defaults(cls: Any) -> dict[str, Any]:
    return {name: p.default for name, p in inspect.signature(cls).parameters.items()}


def test_every_optimizer_of_torch_is_there_or_explained() -> None:
    ours = {cls.counterpart.rpartition(".")[2] for cls in OPTIMIZERS.parts.values()}
    theirs = {n for n, c in vars(torch.optim).items() if isinstance(c, type) and issubclass(c, torch.optim.Optimizer)}
    excluded = {"SparseAdam"}
    assert theirs - {"Optimizer"} == ours | (excluded & theirs)
    assert {name.lower().replace("_", "") for name in OPTIMIZERS.excluded} == {name.lower() for name in excluded}


@pytest.mark.parametrize("name", OPTIMIZERS.parts)
def test_arguments_and_defaults_are_torchs(name: str) -> None:
    cls = OPTIMIZERS.parts[name]
    theirs = {k: v for k, v in defaults(torch_class(cls.counterpart)).items() if k not in IMPLEMENTATION}
    ours = cls.parse({}).keywords
    assert ours == theirs
    assert next(iter(ours)) == "lr"


@pytest.mark.parametrize("name", OPTIMIZERS.parts)
def test_torch_takes_the_keywords(name: str) -> None:
    part = OPTIMIZERS.parts[name].parse({})
    weight = torch.nn.Parameter(torch.ones(3, 2))
    optimizer = torch_class(part.counterpart)([weight], **part.keywords)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert not torch.equal(weight, torch.ones(3, 2))


# What torch's constructors refuse with a ValueError.
REFUSED = [
    ("sgd", {"lr": -1.0}),
    ("sgd", {"momentum": -0.1}),
    ("sgd", {"nesterov": True}),
    ("sgd", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    ("adam", {"betas": [1.0, 0.9]}),
    ("adamw", {"eps": -1e-8}),
    ("nadam", {"momentum_decay": -1.0}),
    ("radam", {"betas": [0.9, -0.1]}),
    ("rmsprop", {"alpha": -0.5}),
    ("adagrad", {"lr_decay": -1.0}),
    ("adadelta", {"rho": 1.5}),
    ("adamax", {"weight_decay": -1.0}),
    ("asgd", {"weight_decay": -1.0}),
    ("adafactor", {"beta2_decay": 0.5}),
    ("adafactor", {"d": 0.5}),
    ("rprop", {"etas": [1.1, 1.2]}),
    ("muon", {"momentum": -0.1}),
    ("muon", {"adjust_lr_fn": "none"}),
]


@pytest.mark.parametrize(("name", "args"), REFUSED)
def test_what_torch_refuses_is_refused(name: str, args: dict[str, Any]) -> None:
    cls = OPTIMIZERS.parts[name]
    with pytest.raises(ValueError):
        torch_class(cls.counterpart)([torch.nn.Parameter(torch.ones(1, 1))], **args)
    with pytest.raises(BadValue):
        cls.parse(args)


@pytest.mark.parametrize("name", LOSSES.parts)
def test_losses_have_torchs_arguments_and_defaults(name: str) -> None:
    cls = LOSSES.parts[name]
    theirs = {k: v for k, v in defaults(torch_class(cls.counterpart)).items() if k not in OBSOLETE}
    ours = cls.parse(dict.fromkeys(cls.others, "y")).keywords
    if name.startswith("bce"):
        assert theirs.pop("weight") is None  # one weight for each element of a batch: of no use in a recipe
    if "reduction" not in ours:
        assert theirs.pop("reduction") == "mean"
    assert ours == theirs
