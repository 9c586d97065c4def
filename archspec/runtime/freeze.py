"""Parameters that training leaves as they are, and batch norms whose statistics it leaves."""

from __future__ import annotations

from collections.abc import Collection
from types import MethodType
from typing import Any

from torch import nn


def freeze(module: nn.Module, names: Collection[str]) -> None:
    """No gradient for the parameters of these names.

    A module that gathers statistics of its input (a batch norm), and whose `running_mean` is among the names, stays in
    evaluation mode from here on, also where the whole model is put into training mode: its statistics are frozen like
    its weights. Dropout goes on.
    """
    if not names:
        return
    for name, parameter in module.named_parameters(remove_duplicate=False):
        if name in names:
            parameter.requires_grad_(False)
    for path, inner in module.named_modules():
        if f"{path}.running_mean".lstrip(".") in names:
            inner.eval()
            inner.train = MethodType(_stay, inner)  # type: ignore[method-assign]


def _stay(self: nn.Module, mode: bool = True) -> Any:
    """`train` of a frozen module."""
    return self
