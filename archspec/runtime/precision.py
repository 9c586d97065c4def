"""In what precision the forward pass computes: autocast, TensorFloat32, and modules that are kept out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from archspec.diagnostics.model import Span
from archspec.recipe.runtime import Precision
from archspec.runtime.override import override
from archspec.runtime.places import raised

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


# What PyTorch says of a dtype that it does not compute in.
_OF_DTYPES = re.compile(r"BFloat16|\bHalf\b|[Ll]ow precision|[Ss]calar ?Type|same d?type")


class PrecisionError(Exception):
    """A precision this module or device cannot have. `span`: where the spec asks for it."""

    span: Span | None = None


def forward_context(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """What the forward pass runs in (it may be entered again and again). Weights stay as they are.

    Raises PrecisionError where the device has no half precision.
    """
    if precision.default in HALF:
        if not torch.amp.is_autocast_available(device.type):
            raise PrecisionError(f"PyTorch has no {precision.default} for `{device.type}`: say `precision: float32`")
        return torch.autocast(device.type, dtype=HALF[precision.default])
    return _Float32(tf32=precision.default == "tf32") if device.type == "cuda" else nullcontext()


class _Float32:
    """What matrix products and convolutions of float32 are computed in on a GPU, forward and backward.

    With `tf32` 10 bits of their mantissa, else all 23: by default PyTorch takes 10 of them in convolutions.
    """

    def __init__(self, *, tf32: bool) -> None:
        self._tf32 = tf32

    def __enter__(self) -> None:
        # The setting is the process's own, and backward runs outside of any context: it stays.
        torch.set_float32_matmul_precision("high" if self._tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = self._tf32

    def __exit__(self, *_: object) -> None:
        pass


def lacking(error: Exception, precision: Precision, device: torch.device) -> str:
    """What is to be said of an error, where PyTorch cannot compute something in half precision; else ""."""
    if precision.default not in HALF or not isinstance(error, RuntimeError) or not _OF_DTYPES.search(str(error)):
        return ""
    place = raised(error) or "something of the model"
    return (
        f"{place} cannot be computed in {precision.default} on `{device.type}` ({str(error).strip().splitlines()[0]}): "
        "put `to: float32` before it, or name its block in `precision.float32`"
    )


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
    plain = type(module).forward

    def in_float32(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device.type, enabled=False):
            return plain(self, *map(_widened, args), **{key: _widened(value) for key, value in kwargs.items()})

    override(module, in_float32)


def _widened(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype in HALF.values() else value


@contextmanager
def exact_float32() -> Iterator[None]:
    """Inside, a GPU computes float32 in float32."""
    with restored_matmul(), _Float32(tf32=False):
        yield


@contextmanager
def restored_matmul() -> Iterator[None]:
    """The process's settings for float32 products are afterwards what they were before."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
