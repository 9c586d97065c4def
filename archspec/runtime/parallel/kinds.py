"""Whether something lies in parts, without the import of what would make it so.

PyTorch's distributed tensors take about as long to import as the rest of it. Where nobody has, nothing is one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from torch.distributed.fsdp import FSDPModule
    from torch.distributed.tensor import DTensor


def is_dtensor(value: Any) -> TypeGuard[DTensor]:
    """Does this process have a part of the tensor?"""
    return _is(value, "torch.distributed.tensor", "DTensor")


def is_fsdp(module: Any) -> TypeGuard[FSDPModule]:
    """Is the module one whose parameters `fully_shard` keeps in parts?"""
    return _is(module, "torch.distributed.fsdp", "FSDPModule")


def _is(value: Any, module: str, name: str) -> bool:
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(value, kind)
