"""The whole model on every device, each with a part of the batch: `data_parallel` (one process) and `ddp`."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from archspec.runtime.world import World


def data_parallel(module: nn.Module) -> nn.Module:
    """All GPUs of this process, a part of the batch each; the module itself where there is at most one GPU."""
    return DataParallel(module) if torch.cuda.device_count() > 1 else module


def ddp(module: nn.Module, world: World, device: torch.device, *, find_unused_parameters: bool = False) -> nn.Module:
    """The gradients are averaged over the data axis while backward runs. Buffers are those of the first process."""
    if world.mesh is None or not any(p.requires_grad for p in module.parameters()):
        return module
    ids = [device.index] if device.type == "cuda" else None
    return DistributedDataParallel(
        module,
        device_ids=ids,
        process_group=world.axis("data").get_group(),
        gradient_as_bucket_view=True,
        find_unused_parameters=find_unused_parameters,
    )
