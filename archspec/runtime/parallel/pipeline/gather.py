"""What the stages of a pipeline have, together on the main process."""

from __future__ import annotations

import json
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from archspec.runtime.checkpoints.pack import pack, unpack
from archspec.runtime.parallel.pipeline.cut import STAGES
from archspec.runtime.world import DTYPES, World, cpu_group


def whole_module_state(module: nn.Module, own: dict[str, Tensor], world: World) -> dict[str, Tensor]:
    """The whole model's state, in its order, from each stage's `own` (with nothing on a process that only takes part);
    empty on all but the main process. Tied tensors are one.
    """
    known = STAGES[module].state
    found: dict[str, Tensor] = {}
    for part in _gathered(own, world):
        found |= part
    if not world.main:
        return {}
    return {name: found.get(entry.first, found[name]) for name, entry in known.items()}


def whole_optimizer_state(module: nn.Module, own: dict[str, Any], world: World) -> dict[str, Any]:
    """The same of an optimizer's state by names: that of tied parameters, which stages have alike, once."""
    parts = _gathered(own, world)
    if not world.main:
        return {"state": {}, "param_groups": []}
    order = {name: place for place, name in enumerate(STAGES[module].state)}
    state: dict[str, Any] = {}
    for part in reversed(parts):
        state |= part["state"]
    groups = []
    for number, group in enumerate(parts[0]["param_groups"]):
        names = {name for part in parts for name in part["param_groups"][number]["params"]}
        groups.append({**group, "params": sorted(names, key=order.__getitem__)})
    return {"state": {name: state[name] for name in order if name in state}, "param_groups": groups}


def _gathered(tree: Any, world: World) -> list[Any]:
    """The trees of the stages of the main process's pipeline, on the main process, its own first."""
    assert world.mesh is not None
    ranks = dist.get_process_group_ranks(world.axis("pipeline").get_group())
    if ranks[0] != 0:
        return []  # a replica of that pipeline
    if not world.main:
        _send(tree)
        return []
    return [tree, *map(_receive, ranks[1:])]


def _send(tree: Any) -> None:
    data, tensors = pack(tree)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    forms = {name: [DTYPES.index(t.dtype), *t.shape] for name, t in plain.items()}
    text = torch.tensor(list(json.dumps([data, forms]).encode()), dtype=torch.uint8)
    for tensor in (torch.tensor([len(text)]), text, *plain.values()):
        dist.send(tensor, 0, group=cpu_group())


def _receive(rank: int) -> Any:
    length = torch.empty(1, dtype=torch.int64)
    dist.recv(length, rank, group=cpu_group())
    text = torch.empty(int(length), dtype=torch.uint8)
    dist.recv(text, rank, group=cpu_group())
    data, forms = json.loads(bytes(text.tolist()))
    tensors = {}
    for name, (dtype, *shape) in forms.items():
        tensors[name] = torch.empty(shape, dtype=DTYPES[dtype])
        dist.recv(tensors[name], rank, group=cpu_group())
    return unpack(data, tensors)
