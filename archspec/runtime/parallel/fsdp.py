"""Parameters, gradients and optimizer state in shards over the data axis (`fully_shard`), a unit a block."""

from __future__ import annotations

from torch import nn
from torch.distributed.fsdp import CPUOffloadPolicy, OffloadPolicy, fully_shard

from archspec.runtime.world import World


def fsdp(module: nn.Module, world: World, *, offload: bool = False) -> nn.Module:
    """Shard in place: every turn of a repeat is a unit, gathered while it runs, and the rest is one more.

    With `offload` the shards lie in the processor's memory. With a `replicate` axis, shards are within a group of
    processes, and groups add up their gradients (HSDP).
    """
    if world.mesh is None:
        return module
    hybrid = "replicate" in (world.mesh.mesh_dim_names or ())
    mesh = world.mesh["replicate", "shard"] if hybrid else world.axis("data")
    policy = CPUOffloadPolicy(pin_memory=mesh.device_type == "cuda") if offload else OffloadPolicy()
    for unit in units(module):
        fully_shard(unit, mesh=mesh, offload_policy=policy)
    fully_shard(module, mesh=mesh, offload_policy=policy)
    return module


def units(module: nn.Module) -> list[nn.Module]:
    """The outermost modules of a list that have several modules in them: the turns of a repeated block."""
    found: list[nn.Module] = []
    for child in module.children():
        turns = list(child.children()) if isinstance(child, (nn.ModuleList, nn.Sequential)) else []
        if len(turns) > 1 and all(any(True for _ in turn.children()) for turn in turns):
            found += turns
        else:
            found += units(child)
    return found
