"""A tree of state (mappings, lists, numbers, texts, tensors) as JSON data and named tensors, and back. No pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

# JSON objects with one of these keys stand for what JSON has no form for.
_TENSOR, _TUPLE, _ITEMS = "$tensor", "$tuple", "$items"


class PackError(Exception):
    """Data that `pack` did not write, or a tree it cannot."""


def pack(tree: Any) -> tuple[Any, dict[str, Tensor]]:
    """JSON data, and the tensors it names (by their place in the tree). A tensor that is there twice is kept once.

    Floats keep every bit, infinities and NaN too (Python's JSON writes the shortest text that reads back the same).
    Raises PackError for anything but plain data and tensors.
    """
    tensors: dict[str, Tensor] = {}
    known: dict[int, str] = {}

    def packed(value: Any, path: str) -> Any:
        if isinstance(value, Tensor):
            if id(value) not in known:
                known[id(value)] = path
                tensors[path] = value
            return {_TENSOR: known[id(value)]}
        if isinstance(value, Mapping):
            if all(isinstance(key, str) and not key.startswith("$") for key in value):
                return {key: packed(inner, f"{path}.{key}" if path else key) for key, inner in value.items()}
            return {_ITEMS: [[packed(k, path), packed(v, f"{path}.{k}")] for k, v in value.items()]}
        if isinstance(value, (list, tuple)):
            items = [packed(inner, f"{path}.{number}") for number, inner in enumerate(value)]
            return items if isinstance(value, list) else {_TUPLE: items}
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        raise PackError(f"{path}: a {type(value).__name__} has no form in a checkpoint")

    return packed(tree, ""), tensors


def unpack(data: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The tree of `pack`. Raises PackError for data it cannot have written."""
    if isinstance(data, list):
        return [unpack(inner, tensors) for inner in data]
    if not isinstance(data, dict):
        return data
    if len(data) != 1 or not next(iter(data)).startswith("$"):
        return {key: unpack(inner, tensors) for key, inner in data.items()}
    ((key, value),) = data.items()
    if key == _TENSOR and isinstance(value, str) and value in tensors:
        return tensors[value]
    if key == _TUPLE and isinstance(value, list):
        return tuple(unpack(inner, tensors) for inner in value)
    if key == _ITEMS and isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        return {unpack(k, tensors): unpack(v, tensors) for k, v in value}
    raise PackError(f"a checkpoint has no `{key}` here")


def snapshot(tensors: Mapping[str, Tensor], into: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The tensors in memory of their own on the processor, each contiguous: training may go on and change them.

    `into`: an earlier snapshot that nothing reads any more, whose memory is used again. On memory that is new to the
    process the copy takes several times as long, as the system has to find and clear each page.
    """
    out = {}
    for name, tensor in tensors.items():
        old = (into or {}).get(name)
        if old is None or old.shape != tensor.shape or old.dtype != tensor.dtype:
            old = torch.empty(tensor.shape, dtype=tensor.dtype)
        out[name] = old.copy_(tensor.detach())
    return out
