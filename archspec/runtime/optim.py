"""The optimizer a recipe asks for, built as PyTorch builds it: one group, all parameters."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.optim import Optimizer

from archspec.recipe.model import Optimizer as OptimizerPart


def build_optimizer(part: OptimizerPart, module: nn.Module) -> Optimizer:
    """`part.counterpart` (a torch.optim class) over the parameters that take a gradient, a tied one once.

    Weight decay falls on all of them, as in PyTorch. Raises ValueError for a module without parameters.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("the model has no parameters to train")
    cls = getattr(torch.optim, part.counterpart.rpartition(".")[2])
    return cast(Optimizer, cls(parameters, **part.keywords))
