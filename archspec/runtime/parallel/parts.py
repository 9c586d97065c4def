"""What a process has of a module that lies in shards, as a plain module: for what is done to each element alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from archspec.runtime.parallel.kinds import is_dtensor, is_fsdp


class Parts(nn.Module):
    """Its parameters and buffers are this process's parts of those of `module`, and share their memory."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        _reshard(module)
        self.own = nn.ParameterList(nn.Parameter(_local(p), requires_grad=False) for p in module.parameters())
        for number, buffer in enumerate(module.buffers()):
            self.register_buffer(f"buffer_{number}", _local(buffer))


@contextmanager
def exchanged(module: nn.Module, parts: nn.Module) -> Iterator[None]:
    """Meanwhile `module` has the values of `parts` (what Parts was, or a copy of it), and these have its own."""
    own = Parts(module)
    _exchange(own, parts)
    try:
        yield
    finally:
        _reshard(module)  # what is gathered is of the exchanged values
        _exchange(own, parts)


@torch.no_grad()
def _exchange(one: nn.Module, other: nn.Module) -> None:
    for each in ("parameters", "buffers"):
        for a, b in zip(getattr(one, each)(), getattr(other, each)(), strict=True):
            kept = a.clone()
            a.copy_(b)
            b.copy_(kept)


def _reshard(module: nn.Module) -> None:
    """`fully_shard` leaves some parameters gathered after a forward pass without backward."""
    for inner in module.modules():
        if is_fsdp(inner):
            inner.reshard()


def _local(tensor: Tensor) -> Tensor:
    with torch.no_grad():
        return (tensor.to_local() if is_dtensor(tensor) else tensor).detach()
