"""The closed set of ops a spec may name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

from archspec.ops.base import Op

O = TypeVar("O", bound=type[Op])  # noqa: E741

FAMILIES = (
    "linear",
    "conv",
    "pool",
    "adaptive",
    "norm",
    "activation",
    "dropout",
    "embedding",
    "padding",
    "upsample",
    "arithmetic",
    "pointwise",
    "comparison",
    "joining",
    "indexing",
    "shaping",
    "rearrange",
    "reduction",
    "ordering",
    "arranging",
    "products",
    "similarity",
    "creation",
    "parameters",
    "recurrent",
    "cells",
    "attention",
    "multihead",
)

_ops: dict[str, type[Op]] = {}
_loaded: set[str] = set()


def op(name: str, counterpart: str = "") -> Callable[[O], O]:
    """Class decorator: register an op under its `snake_case` name; `counterpart` is its PyTorch name."""

    def register(cls: O) -> O:
        if name in _ops:
            raise ValueError(f"op {name!r} is declared twice")
        cls.name = name
        cls.counterpart = counterpart
        _ops[name] = cls
        return cls

    return register


def all_ops() -> dict[str, type[Op]]:
    """Every op by name. Families are imported on first use."""
    if not _loaded:
        for family in FAMILIES:
            import_module(f"archspec.ops.{family}")
        _loaded.update(FAMILIES)
    return _ops


def find(name: str) -> type[Op] | None:
    return all_ops().get(name)
