"""What is put around a module before it trains, and in which order. The model knows none of it.

The order is one decision, kept in one function: device, tensor parallelism, precision of single blocks, shards or
replicas. (Activation checkpointing and compile belong between the last two, in this order.)
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch
from torch import nn

from archspec.recipe.runtime import Runtime
from archspec.runtime.parallel.fsdp import fsdp
from archspec.runtime.parallel.replicas import data_parallel, ddp
from archspec.runtime.parallel.tensor import tensor_parallel
from archspec.runtime.precision import HALF, forward_context, keep_float32
from archspec.runtime.world import World


class DeviceError(Exception):
    """A device this machine does not have."""


class Prepared(NamedTuple):
    """A module ready to run: call it inside `precision`; the loss, backward and the step outside.

    `bare` is the module whose state dict has the spec's names; `module` may be a wrapper around it.
    """

    module: nn.Module
    bare: nn.Module
    device: torch.device
    precision: AbstractContextManager[Any]


def pick_device(name: str) -> torch.device:
    """`cpu`, `cuda`, `cuda:1`, `mps`, `xpu`, or `auto`: an accelerator where there is one. Raises DeviceError."""
    here = torch.accelerator.current_accelerator(check_available=True)
    if name == "auto":
        return here or torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"unknown device `{name}`: give auto, cpu or cuda") from None
    if device.type != "cpu":
        if here is None or here.type != device.type:
            found = "none" if here is None else f"`{here.type}`"
            raise DeviceError(f"there is no device `{name}` that PyTorch can use here (accelerators found: {found})")
        if device.index is not None and device.index >= torch.accelerator.device_count():
            raise DeviceError(f"there is no `{name}`: this machine has {torch.accelerator.device_count()}")
    return device


def prepare(
    module: nn.Module,
    device: torch.device,
    runtime: Runtime,
    world: World | None = None,
    split: Mapping[str, str] | None = None,
    chosen: Mapping[str, tuple[str, ...]] | None = None,
) -> Prepared:
    """Move the module to the device and put around it what `runtime` asks for. `split`, `chosen`: see Recipe.

    Raises PrecisionError.
    """
    world, chosen = world or World(), chosen or {}
    precision, parallel = runtime.precision, runtime.parallel
    module = tensor_parallel(module.to(device), world, split or {})
    if precision.default in HALF:
        keep_float32(module, chosen.get("float32", precision.float32), device)
    outer = module
    if parallel.data == "fsdp":
        outer = fsdp(module, world)
    elif parallel.data == "ddp":
        outer = ddp(module, world, device)
    elif parallel.data == "data_parallel":
        outer = data_parallel(module)
    return Prepared(outer, module, device, forward_context(precision, device))


def sum_dtype(device: torch.device) -> torch.dtype:
    """The widest float of a device, for sums over a whole split."""
    return torch.float32 if device.type == "mps" else torch.float64
