"""State that may lie in shards over several processes, as one process would have it, and back.

Everything is by the parameters' names, so that state saved by one number of processes is loaded by any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from archspec.runtime.parallel.kinds import is_dtensor
from archspec.runtime.parallel.pipeline.cut import STAGES
from archspec.runtime.parallel.pipeline.gather import whole_module_state, whole_optimizer_state
from archspec.runtime.world import World


def whole(value: Any, *, keep: bool = True) -> Any:
    """The value, or where it is a shard the whole tensor (every process must ask); None for it unless `keep`."""
    if not is_dtensor(value):
        return value
    full = value.full_tensor()
    return full.detach() if keep else None


def put(target: Tensor, value: Tensor) -> None:
    """Copy a whole tensor into one that may be a shard. Raises RuntimeError where their shapes differ."""
    if target.shape != value.shape:
        raise RuntimeError(f"a tensor of shape {list(value.shape)} where the model has {list(target.shape)}")
    with torch.no_grad():
        target.copy_(like(target, value))


def like(target: Tensor, value: Tensor) -> Tensor:
    """A whole tensor as the target is: this process's part of it, where that is a shard."""
    if not is_dtensor(target):
        return value
    from torch.distributed.tensor import distribute_tensor

    # Every process has the whole already: nothing is sent.
    return distribute_tensor(value.to(target.device), target.device_mesh, target.placements, src_data_rank=None)


def module_state(module: nn.Module, world: World) -> dict[str, Tensor]:
    """The whole `state_dict()`, on the main process; others only take part in gathering it. Tied tensors are one."""
    if module not in STAGES:
        return _module_state(module, keep=world.main)
    return whole_module_state(module, _module_state(module, keep=_keeps(world)), world)


def _keeps(world: World) -> bool:
    """Is this process a stage of the main process's pipeline?"""
    return not any(world.index(axis) for axis in ("data", "context", "tensor"))


def _module_state(module: nn.Module, *, keep: bool) -> dict[str, Tensor]:
    gathered: dict[int, Tensor] = {}
    for tensor in module.state_dict(keep_vars=True).values():
        if id(tensor) not in gathered:
            gathered[id(tensor)] = whole(tensor, keep=keep)
    if not keep:
        return {}
    return {name: gathered[id(tensor)] for name, tensor in module.state_dict(keep_vars=True).items()}


def load_module_state(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """The reverse. Raises RuntimeError for a state of another model."""
    own = module.state_dict(keep_vars=True)
    expected = STAGES[module].state.keys() if module in STAGES else own.keys()
    if expected != state.keys():
        first = next(iter(sorted(expected ^ state.keys())))
        raise RuntimeError(f"`{first}` is in one of the model and the checkpoint only")
    for name, tensor in own.items():
        put(tensor, state[name])


def optimizer_state(module: nn.Module, optimizer: Optimizer, world: World) -> dict[str, Any]:
    """`optimizer.state_dict()` with parameters by name instead of number; whole as in `module_state`."""
    if module not in STAGES:
        return _optimizer_state(module, optimizer, keep=world.main)
    return whole_optimizer_state(module, _optimizer_state(module, optimizer, keep=_keeps(world)), world)


def _optimizer_state(module: nn.Module, optimizer: Optimizer, *, keep: bool) -> dict[str, Any]:
    found = own_optimizer_state(module, optimizer, lambda value: whole(value, keep=keep))
    return found if keep else {**found, "state": {}}


def own_optimizer_state(module: nn.Module, optimizer: Optimizer, taken: Callable[[Any], Any]) -> dict[str, Any]:
    """The same of the parameters that this process has; of each entry, what `taken` makes of it (None: left out)."""
    names = _names(module)
    groups = [
        {**{k: v for k, v in group.items() if k != "params"}, "params": [names[id(p)] for p in group["params"]]}
        for group in optimizer.param_groups
    ]
    state = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            entry = optimizer.state.get(parameter)
            if entry:
                kept = {key: taken(value) for key, value in entry.items()}
                state[names[id(parameter)]] = {key: value for key, value in kept.items() if value is not None}
    return {"state": state, "param_groups": groups}


def load_optimizer_state(module: nn.Module, optimizer: Optimizer, saved: Mapping[str, Any]) -> None:
    """The reverse. Raises RuntimeError for the state of another optimizer or model."""
    names = _names(module)
    number = 0
    state: dict[int, Any] = {}
    groups = []
    if len(saved["param_groups"]) != len(optimizer.param_groups):
        raise RuntimeError("the optimizer had other groups of parameters")
    for group, before in zip(optimizer.param_groups, saved["param_groups"], strict=True):
        own = [names[id(p)] for p in group["params"]]
        kept = set(names.values()) if module in STAGES else set(before["params"])
        if own != [name for name in before["params"] if name in kept]:
            raise RuntimeError("the optimizer had other parameters")
        for name, target in zip(own, group["params"], strict=True):
            if (entry := saved["state"].get(name)) is not None:
                state[number] = {
                    key: like(target, value) if _parted(value, target) else value for key, value in entry.items()
                }
            number += 1
        how = {key: group[key] for key in ("fused", "foreach") if key in group}  # how, not what: this run's own
        groups.append({**before, **how, "params": list(range(number - len(own), number))})
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _parted(value: Any, target: Tensor) -> bool:
    """Is this a whole tensor of which the process needs its part?"""
    return isinstance(value, Tensor) and not is_dtensor(value) and value.shape == target.shape


def _names(module: nn.Module) -> dict[int, str]:
    return {id(parameter): name for name, parameter in named_parameters(module).items()}


def named_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters by the first name that the whole model has for them, in its order."""
    own = dict(module.named_parameters(remove_duplicate=False))
    if module not in STAGES:
        return dict(module.named_parameters())
    known = STAGES[module].state
    found = {known[name].first: parameter for name, parameter in own.items()}
    return {name: found[name] for name in known if name in found}
