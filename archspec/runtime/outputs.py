"""A model's outputs: a tensor, or several by name."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from archspec.runtime.parallel.logits import put_together

_HALF = (torch.bfloat16, torch.float16)
Outputs = Tensor | Mapping[str, Tensor]


def pick(outputs: Outputs, name: str) -> Tensor:
    """The model's output of this name; a model with one output gives the tensor itself."""
    return put_together(outputs if isinstance(outputs, Tensor) else outputs[name])


def whole(values: Tensor) -> Tensor:
    """In float32 at least."""
    return values.float() if values.dtype in _HALF else values
