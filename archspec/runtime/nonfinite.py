"""Where a value that is not finite comes from: the weights, the data, or the first line of the model that makes one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from archspec.runtime.compiled import uncompiled
from archspec.runtime.places import running
from archspec.runtime.wrap import Prepared


class NonFiniteError(Exception):
    """A loss, or the gradient that `what` names, that is not finite."""

    def __init__(self, value: float, what: str = "the loss") -> None:
        super().__init__(f"{what} is {value}")
        self.value = value
        self.what = what


def origin(prepared: Prepared, inputs: Mapping[str, Tensor]) -> str:
    """In words, where the first value that is not finite comes from in a forward pass of these inputs.

    The pass is run once more, so it is asked when something went wrong only. "" where nothing is found.
    """
    module, precision = prepared.bare, prepared.precision
    if (name := _first_bad(dict(module.named_parameters()))) is not None:
        return f"the weight `{name}` is not finite, as the gradient of the step before was not"
    if (name := _first_bad(dict(module.named_buffers()))) is not None:
        return f"the buffer `{name}` is not finite"
    if (name := _first_bad(inputs)) is not None:
        return f"the data of input `{name}` are not finite"
    finder = _Finder()
    with torch.no_grad(), uncompiled(module), finder, precision:
        module(*inputs.values())
    return finder.found


def _first_bad(tensors: Mapping[str, Tensor]) -> str | None:
    return next((name for name, tensor in tensors.items() if _bad(tensor)), None)


def _bad(value: Any) -> bool:
    return (
        isinstance(value, Tensor)
        and (value.is_floating_point() or value.is_complex())
        and not bool(torch.isfinite(value).all())
    )


class _Finder(TorchDispatchMode):
    """Watches every operation; `found` says which was the first to give a NaN, or the first infinity after which one
    came. (A mask of minus infinity is as it should be.)
    """

    def __init__(self) -> None:
        super().__init__()
        self.found = ""
        self._nan = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if self._nan:
            return out
        given = [value for value in (*args, *(kwargs or {}).values()) if isinstance(value, Tensor)]
        for value in out if isinstance(out, (tuple, list)) else (out,):
            if not _bad(value):
                continue
            nan = bool(torch.isnan(value).any())
            made_here = not any(_bad(tensor) for tensor in given)
            if nan or (made_here and not self.found and given):
                words = "NaN" if nan else "an infinite value"
                if nan and not made_here and self.found:
                    self._nan = True  # what became of the infinity that is already named
                    break
                self.found = f"{running(sys._getframe(1))} is the first to give {words}"
                self._nan = nan
                break
        return out
