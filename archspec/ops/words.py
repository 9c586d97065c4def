"""Declarations in words: what an op reads and gives, its values as YAML, its examples. All of it is read off them."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from archspec.ops.registry import all_ops

if TYPE_CHECKING:
    from archspec.ops.base import Declared, Example, Op


def families() -> dict[str, list[type[Op]]]:
    """{module name: its ops, in order of declaration}"""
    out: dict[str, list[type[Op]]] = {}
    for op in all_ops().values():
        out.setdefault(op.__module__, []).append(op)
    return out


def title(module: str) -> str:
    """The first sentence of a family's docstring, without its dot."""
    return first_line(sys.modules[module].__doc__).partition(". ")[0].removesuffix(".")


def doc(declared: type[Declared]) -> str:
    return inspect.cleandoc(declared.__doc__ or "")


def first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def reads(op: type[Op]) -> str:
    """`x`, `query, key (optional)`, `one or more values`, `nothing`"""
    words = []
    for name in op.inputs:
        if name.startswith("*"):
            words.append(f"{name[1:]} (one or more)")
        else:
            words.append(f"{name[:-1]} (optional)" if name.endswith("?") else name)
    return ", ".join(words) or "nothing"


def gives(op: type[Op]) -> str:
    return ", ".join(f"{name[1:]} (as many as there are)" if name.startswith("*") else name for name in op.result)


def value(data: Any) -> str:
    """Plain data as flow YAML."""
    import yaml

    text: str = yaml.safe_dump(_plain(data), default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _plain(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    if isinstance(data, dict):
        return {key: _plain(item) for key, item in data.items()}
    return data


def example(op: type[Op], shown: Example) -> tuple[str, str]:
    """(`- linear: 10`, `float32[B, 32] → float32[B, 10]`)"""
    empty = shown.args is None or shown.args == {}
    item = f"- {op.name}" if empty else f"- {op.name}: {value(shown.args)}"
    return item, f"{_listed(shown.inputs)} → {_listed(shown.outputs)}".lstrip()


def _listed(types: Any) -> str:
    """Type texts; one that is None stands for an optional input that is left out."""
    return ", ".join(type_ or "-" for type_ in ([types] if isinstance(types, str) else types))
