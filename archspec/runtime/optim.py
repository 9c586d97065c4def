"""The optimizer a recipe asks for, built as PyTorch builds it: one group of all parameters, or the groups it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn
from torch.optim import Optimizer

from archspec.recipe.model import Optimizer as OptimizerPart
from archspec.recipe.model import ParamGroup


def build_optimizer(part: OptimizerPart, module: nn.Module, groups: Sequence[ParamGroup] = ()) -> Optimizer:
    """`part.counterpart` (a torch.optim class) over the parameters that take a gradient, a tied one once.

    Without `groups`, weight decay falls on all of them, as in PyTorch. Raises ValueError for a module without
    parameters to train.
    """
    cls = getattr(torch.optim, part.counterpart.rpartition(".")[2])
    if groups:
        named = dict(module.named_parameters(remove_duplicate=False))
        chosen = [{"params": [named[name] for name in group.names], **group.options} for group in groups]
        return cast(Optimizer, cls(chosen, **part.keywords))
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("the model has no parameters to train")
    return cast(Optimizer, cls(parameters, **part.keywords))
