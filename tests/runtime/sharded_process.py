"""Run by torchrun: a small model in shards, its state written to a folder, or read from one and written to another."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from archspec.runtime.checkpoints.sharded import write_shards
from archspec.runtime.parallel.shards import first_names, load_shards, optimizer_frame, own_tensors
from archspec.runtime.world import AXES, World, leave


def network() -> nn.Module:
    """Two linear layers (7 rows on 2 or 4 processes are uneven), a tied head, a buffer."""
    torch.manual_seed(3)
    module = nn.Sequential(nn.Embedding(7, 5), nn.Linear(5, 5), nn.BatchNorm1d(5), nn.Linear(5, 7))
    module[3].weight = module[0].weight
    return module.double()


def trained(module: nn.Module) -> torch.optim.Optimizer:
    """After two steps on the same data everywhere."""
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.1)
    for step in range(2):
        optimizer.zero_grad()
        module(torch.arange(6) + step).square().sum().backward()
        optimizer.step()
    return optimizer


def main(read: str, write: str) -> None:
    dist.init_process_group("gloo")
    size = dist.get_world_size()
    mesh = init_device_mesh("cpu", tuple(size if axis == "data" else 1 for axis in AXES), mesh_dim_names=AXES)
    world = World(dist.get_rank(), size, mesh)
    module = network()
    if read:
        with torch.no_grad():
            for tensor in module.state_dict().values():
                tensor.zero_()
    fully_shard(module, mesh=world.axis("data"))
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.1) if read else trained(module)
    if read:
        known = json.loads((Path(read) / "frame.json").read_text())
        load_shards(module, optimizer, Path(read), *known)
    known = [first_names(module), optimizer_frame(module, optimizer, world)]
    if world.main:
        (Path(write) / "frame.json").write_text(json.dumps(known))
    write_shards(Path(write), own_tensors(module, optimizer), dist.group.WORLD)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
    leave(0)
