"""Identifiers of emitted code."""

from __future__ import annotations

import builtins
import keyword
import re

_RESERVED = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "self", "torch", "nn", "F", "math", "i",
             "parametrizations"}  # fmt: skip


def camel(name: str) -> str:
    """`resnet50` → `Resnet50`, `encoder.self_attention` → `EncoderSelfAttention`."""
    parts = [p for p in re.split(r"[^A-Za-z0-9]+", name) if p]
    joined = "".join(p[0].upper() + p[1:] for p in parts) or "Model"
    return joined if joined[0].isalpha() and not keyword.iskeyword(joined) else f"Model{joined}"  # `none`, `true`


def identifier(name: str) -> str:
    """`name` as a variable."""
    word = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_") or "value"
    if word[0].isdigit():
        word = f"v{word}"
    return f"{word}_" if word in _RESERVED else word


def is_attribute(name: str) -> bool:
    """May stand after `self.`"""
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name)


class Names:
    """Hands out each name once."""

    def __init__(self, *taken: str) -> None:
        self.taken = set(taken)

    def new(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self.taken:
            name, number = f"{wanted}{number}" if not wanted[-1].isdigit() else f"{wanted}_{number}", number + 1
        self.taken.add(name)
        return name
