"""Parameters, gradients and optimizer state in shards over the data axis (`fully_shard`), a unit a block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from torch import nn
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, OffloadPolicy, fully_shard

from archspec.runtime.world import World


def fsdp(module: nn.Module, world: World, *, offload: bool = False) -> nn.Module:
    """Shard in place: every turn of a repeat is a unit, gathered while it runs, and the rest is one more;
    in either, layers of another dtype than most are units of their own.

    With `offload` the shards lie in the processor's memory. With a `replicate` axis, shards are within a group of
    processes, and groups add up their gradients (HSDP).
    """
    if world.mesh is None:
        return module
    hybrid = "replicate" in (world.mesh.mesh_dim_names or ())
    mesh = world.mesh["replicate", "shard"] if hybrid else world.axis("data")
    policy = CPUOffloadPolicy(pin_memory=mesh.device_type == "cuda") if offload else OffloadPolicy()
    for unit in (*units(module), module):
        for part in (*other_dtypes(unit), unit):
            fully_shard(part, mesh=mesh, offload_policy=policy)
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


def other_dtypes(unit: nn.Module) -> list[nn.Module]:
    """Its layers of another dtype than most of what is no unit yet: of these each is one, as a unit has one dtype."""
    done = {id(p) for inner in unit.modules() if isinstance(inner, FSDPModule) for p in inner.parameters()}
    counts = Counter(p.dtype for p in unit.parameters() if id(p) not in done)
    if len(counts) < 2:
        return []
    most = counts.most_common(1)[0][0]
    found = [layer for layer in _layers(unit) if any(id(p) not in done for p in layer.parameters())]
    return [layer for layer in found if {p.dtype for p in layer.parameters()} != {most}]


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """The outermost modules of PyTorch's in it that are called (not those that only hold others)."""
    holders = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
    for child in module.children():
        if (
            type(child) is not nn.Module
            and type(child).__module__.startswith("torch.nn")
            and not isinstance(child, holders)
        ):
            yield child
        else:
            yield from _layers(child)
