"""How images and volumes lie in memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


def channels_last(module: nn.Module, *, weights: bool = True) -> None:
    """Lay out the module's four- and five-dimensional inputs, and with `weights` its tensors, all channels of a pixel
    side by side, in place. (Shards are laid out by what shards them.)"""
    for tensor in (*module.parameters(), *module.buffers()) if weights else ():
        tensor.data = _laid_out(tensor.data)
    module.register_forward_pre_hook(_inputs, with_kwargs=True)


def _inputs(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return tuple(map(_laid_out, args)), {key: _laid_out(value) for key, value in kwargs.items()}


def _laid_out(value: Any) -> Any:
    if isinstance(value, Tensor) and value.dim() in _FORMATS:
        return value.contiguous(memory_format=_FORMATS[value.dim()])
    return value
