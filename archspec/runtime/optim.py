"""The optimizer a recipe asks for, built as PyTorch builds it: one group of all parameters, or the groups it names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from archspec.recipe.model import Optimizer as OptimizerPart
from archspec.recipe.model import ParamGroup
from archspec.runtime.fused import Maker
from archspec.runtime.parallel.pipeline.cut import STAGES
from archspec.runtime.parallel.state import named_parameters


def build_optimizer(
    part: OptimizerPart, module: nn.Module, groups: Sequence[ParamGroup] = (), fused: bool | None = None
) -> Optimizer:
    """`part.counterpart` (a torch.optim class) over the parameters that take a gradient, a tied one once.

    Without `groups`, weight decay falls on all of them, as in PyTorch. `fused`: see archspec.runtime.fused. Raises
    ValueError for a module without parameters to train.
    """
    stage = module in STAGES  # which has some of the parameters only, or none
    make = Maker(fused)
    if groups:
        named = {**dict(module.named_parameters(remove_duplicate=False)), **named_parameters(module)}
        chosen, others = (
            [
                {"params": [named[name] for name in group.names if not stage or name in named], **group.options}
                for group in groups
                if group.adamw is adamw
            ]
            for adamw in (False, True)
        )
        if others and part.adamw is not None:
            both = [make(each, those) for each, those in ((part, chosen), (part.adamw, others)) if those]
            return Together(both) if len(both) > 1 else both[0]
        return make(part, chosen)
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters and not stage:
        raise ValueError("the model has no parameters to train")
    return make(part, [{"params": parameters}])


class Together(Optimizer):
    """Several optimizers, each of its own parameters, as one: their groups one after another, and one state.

    A schedule, a gradient scaler and a checkpoint see a single optimizer.
    """

    def __init__(self, parts: Sequence[Optimizer]) -> None:
        self._parts = list(parts)
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Let the parts see these groups and this state."""
        groups = iter(self.param_groups)
        for part in self._parts:
            part.param_groups = [next(groups) for _ in part.param_groups]
            part.state = self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Any:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self._parts:
            part.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._share()
