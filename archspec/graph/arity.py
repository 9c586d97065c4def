"""How many values an op or block reads, from its declared inputs: ``("x", "mask?")``, ``("*x",)`` as in `Op.inputs`."""

from __future__ import annotations

from functools import cache


@cache
def required(declared: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in declared if not name.endswith("?"))


def takes(declared: tuple[str, ...], count: int) -> bool:
    """May that many values be read?"""
    several = bool(declared) and declared[-1].startswith("*")
    return count >= len(required(declared)) and (several or count <= len(declared))


def counted(declared: tuple[str, ...]) -> str:
    """The number in words: "2 values", "3 to 4 values", "1 or more values"."""
    if not declared:
        return "no value"
    least, most = len(required(declared)), len(declared)
    if declared[-1].startswith("*"):
        return f"{least} or more values"
    if least == most:
        return f"{least} value{'' if least == 1 else 's'}"
    return f"{least} {'or' if most == least + 1 else 'to'} {most} values"


def named(declared: tuple[str, ...]) -> str:
    """Their names: "query, key, value, attn_mask (optional)"."""
    return ", ".join(f"{name[:-1]} (optional)" if name.endswith("?") else name.strip("*") for name in declared)
