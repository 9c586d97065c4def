"""What is put around a module before it trains, and in which order. The model knows none of it.

The order is one decision, kept in one function: device, then precision. (Tensor parallel, activation checkpointing,
compile and FSDP or DDP belong between the two, in this order.)
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import nn

PRECISIONS = ("float32", "bf16")


class DeviceError(Exception):
    """A device this machine does not have."""


class Prepared(NamedTuple):
    """A module ready to run: call it and the loss inside `precision`, backward and the step outside."""

    module: nn.Module
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


def prepare(module: nn.Module, device: torch.device, precision: str = "float32") -> Prepared:
    """Move the module to the device and fix the precision: `float32`, or `bf16` (autocast; weights stay float32)."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision is one of {', '.join(PRECISIONS)}, not {precision!r}")
    module = module.to(device)
    context: AbstractContextManager[Any] = nullcontext()
    if precision == "bf16":
        context = torch.autocast(device.type, dtype=torch.bfloat16)
    return Prepared(module, device, context)


def sum_dtype(device: torch.device) -> torch.dtype:
    """The widest float of a device, for sums over a whole split."""
    return torch.float32 if device.type == "mps" else torch.float64
