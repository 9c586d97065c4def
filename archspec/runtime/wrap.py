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
    """`cpu`, `cuda` (`cuda:1`), `mps`, or `auto`: an accelerator where there is one. Raises DeviceError."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"unknown device `{name}`: give auto, cpu, cuda or mps") from None
    if device.type not in ("cpu", "cuda", "mps"):
        raise DeviceError(f"device `{name}` is not supported: give auto, cpu, cuda or mps")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("this machine (or this build of PyTorch) has no MPS device")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise DeviceError("this machine (or this build of PyTorch) has no CUDA device")
        if device.index is not None and device.index >= torch.cuda.device_count():
            raise DeviceError(f"there is no `{name}`: this machine has {torch.cuda.device_count()} CUDA device(s)")
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
