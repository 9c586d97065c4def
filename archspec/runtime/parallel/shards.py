"""State that lies in shards, as each process has it: what checkpoints in shards hold.

Names are those of the whole model; a tied tensor goes by its first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from archspec.runtime.checkpoints.files import MODULE, OPTIMIZER
from archspec.runtime.parallel.kinds import is_dtensor
from archspec.runtime.parallel.pipeline.cut import STAGES
from archspec.runtime.parallel.pipeline.gather import whole_optimizer_state
from archspec.runtime.parallel.state import load_optimizer_state, named_parameters, own_optimizer_state
from archspec.runtime.world import World


def in_shards(module: nn.Module) -> bool:
    """Does this process have a part of the state only?"""
    return module in STAGES or any(map(is_dtensor, module.parameters()))


def first_names(module: nn.Module) -> dict[str, str]:
    """{name in the whole model's `state_dict()`: the first name of that tensor}."""
    if module in STAGES:
        return {name: entry.first for name, entry in STAGES[module].state.items()}
    first: dict[int, str] = {}
    return {name: first.setdefault(id(t), name) for name, t in module.state_dict(keep_vars=True).items()}


def own_tensors(module: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """Every tensor of the state that this process has, or has a part of."""
    out = {f"{MODULE}{name}": tensor.detach() for name, tensor in _module(module).items()}
    for name, parameter in named_parameters(module).items():
        for key, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                out[f"{OPTIMIZER}{name}/{key}"] = value
    return out


def optimizer_frame(module: nn.Module, optimizer: Optimizer, world: World) -> dict[str, Any]:
    """The optimizer's state without its tensors, whole on the main process."""
    own = own_optimizer_state(module, optimizer, _not_a_tensor)
    return whole_optimizer_state(module, own, world) if module in STAGES else own


def load_shards(
    module: nn.Module, optimizer: Optimizer, folder: Path, names: Mapping[str, str], frame: Mapping[str, Any]
) -> None:
    """Fill both from a checkpoint in shards, whatever number of processes wrote it. `names`, `frame`: what
    `first_names` and `optimizer_frame` gave.

    Raises RuntimeError for the state of another model or optimizer, CheckpointError, OSError.
    """
    if dict(names) != first_names(module):
        raise RuntimeError("the model had other parameters, or others were tied")
    from archspec.runtime.checkpoints.sharded import read_shards, shards

    saved = shards(folder)
    wanted: dict[str, Tensor] = {f"{MODULE}{name}": tensor.detach() for name, tensor in _module(module).items()}
    for name, tensor in wanted.items():
        if name not in saved or saved[name] != (tensor.dtype, tuple(tensor.shape)):
            raise RuntimeError(f"`{name.removeprefix(MODULE)}` had another shape or dtype")
    state: dict[str, dict[str, Any]] = {name: dict(entry) for name, entry in frame["state"].items()}
    own = named_parameters(module)
    for full, (dtype, shape) in saved.items():
        name, _, key = full.removeprefix(OPTIMIZER).rpartition("/")
        if full.startswith(OPTIMIZER) and name in own:
            like = own[name].detach()
            made = (
                torch.empty_like(like, dtype=dtype) if shape == tuple(like.shape) else torch.empty(shape, dtype=dtype)
            )
            wanted[full] = state.setdefault(name, {})[key] = made
    read_shards(folder, wanted)
    load_optimizer_state(module, optimizer, {**frame, "state": state})


def _module(module: nn.Module) -> dict[str, Tensor]:
    first = first_names(module)
    return {first[name]: tensor for name, tensor in module.state_dict(keep_vars=True).items()}


def _not_a_tensor(value: Any) -> Any:
    return None if isinstance(value, Tensor) else value
