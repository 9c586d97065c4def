"""In what precision the forward pass computes: autocast, TensorFloat32, and modules that are kept out of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from archspec.recipe.runtime import Precision

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


class PrecisionError(Exception):
    """A precision this module or device cannot have."""


def forward_context(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """What the forward pass runs in (it may be entered again and again). Weights stay as they are."""
    if precision.default in HALF:
        return torch.autocast(device.type, dtype=HALF[precision.default])
    return _TF32() if precision.default == "tf32" and device.type == "cuda" else nullcontext()


class _TF32:
    """TensorFloat32 in matrix products and convolutions (of 10 bits of mantissa; forward and backward)."""

    def __enter__(self) -> None:
        # The setting is the process's own, and backward runs outside of any context: it stays.
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True

    def __exit__(self, *_: object) -> None:
        pass


def scaler(precision: Precision, device: torch.device) -> torch.amp.GradScaler:
    """Gradient scaling for `fp16`; for the others one that does nothing."""
    return torch.amp.GradScaler(device.type, enabled=precision.default == "fp16")


def keep_float32(module: nn.Module, names: tuple[str, ...], device: torch.device) -> None:
    """Let the modules of these names (of their class, or their path) compute in float32 under autocast.

    Raises PrecisionError for a name that no module has.
    """
    for name in names:
        found = [m for path, m in module.named_modules() if path == name or type(m).__name__ == name]
        if not found:
            raise PrecisionError(f"`precision.float32` names `{name}`, and the model has no such block or module")
        for inner in found:
            _in_float32(inner, device)


def _in_float32(module: nn.Module, device: torch.device) -> None:
    forward = module.forward

    def in_float32(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device.type, enabled=False):
            return forward(*map(_widened, args), **{key: _widened(value) for key, value in kwargs.items()})

    module.forward = in_float32  # type: ignore[method-assign]


def _widened(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype in HALF.values() else value


@contextmanager
def restored_matmul() -> Iterator[None]:
    """The process's settings for float32 products are afterwards what they were before."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
