"""What is put around a module before it trains, and in which order. The model knows none of it.

The order is one decision, kept in one function: device, then precision. (Tensor parallel, activation checkpointing,
compile and FSDP or DDP belong between the two, in this order.)
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch
from torch import nn

from archspec.recipe.runtime import Precision
from archspec.runtime.precision import forward_context, keep_float32


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


def prepare(module: nn.Module, device: torch.device, precision: Precision) -> Prepared:
    """Move the module to the device and fix the precision. Raises PrecisionError."""
    module = module.to(device)
    if precision.default in ("bf16", "fp16"):
        keep_float32(module, precision.float32, device)
    return Prepared(module, device, forward_context(precision, device))


def sum_dtype(device: torch.device) -> torch.dtype:
    """The widest float of a device, for sums over a whole split."""
    return torch.float32 if device.type == "mps" else torch.float64
