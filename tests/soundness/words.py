"""What `$name`, `$(…)` and type texts stand for, worked out by Python: archspec's evaluator has no part in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from archspec.dims import Dim, Size, maximum, minimum

_REFERENCE = re.compile(r"\$\$|\$([A-Za-z_]\w*)|\$\(")
_TYPE = re.compile(r"(\w+)\[(.*)\]", re.DOTALL)
_LIST = re.compile(r",(?![^(]*\))")
_SYMBOL = re.compile(r"[A-Z]\w*")


class Record(dict[str, Any]):
    """A mapping of the spec, whose entries are read as attributes: `$(stage.width)`."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


def value(written: Any, env: Mapping[str, Any]) -> Any:
    """A value of the spec with all its references replaced."""
    if isinstance(written, str):
        return _text(written, env)
    if isinstance(written, list):
        return [value(each, env) for each in written]
    if isinstance(written, dict):
        return Record({key: value(each, env) for key, each in written.items()})
    return written


def _text(text: str, env: Mapping[str, Any]) -> Any:
    parts: list[Any] = []
    at = 0
    for found in _REFERENCE.finditer(text):
        if found.start() < at:
            continue
        parts.append(text[at : found.start()])
        at = found.end()
        if found.group() == "$$":
            parts.append("$")
        elif found.group(1):
            parts.append(env[found.group(1)])
        else:
            at = _close(text, found.end())
            parts.append(expression(text[found.end() : at - 1], env))
    parts.append(text[at:])
    kept = [part for part in parts if part != "" or not isinstance(part, str)]
    return kept[0] if len(kept) == 1 else "".join(map(str, kept))


def _close(text: str, start: int) -> int:
    depth = 1
    while depth:
        depth += {"(": 1, ")": -1}.get(text[start], 0)
        start += 1
    return start


def expression(text: str, env: Mapping[str, Any]) -> Any:
    """The value of an expression of the language, which is one of Python's too."""
    return eval(text, dict(FUNCTIONS), dict(env))


def _extreme(plain: Callable[..., Any], symbolic: Callable[[Size, Size], Size]) -> Callable[..., Any]:
    def function(*values: Any) -> Any:
        given = values[0] if len(values) == 1 else values
        return reduce(symbolic, given) if any(isinstance(v, Dim) for v in given) else plain(given)

    return function


FUNCTIONS = {
    "min": _extreme(min, minimum), "max": _extreme(max, maximum),
    "abs": abs, "len": len, "sum": sum, "range": range, "round": round,
}  # fmt: skip


def parts_of_type(text: str) -> tuple[str, list[str]]:
    """The dtype of a type text, and the texts of its sizes."""
    found = _TYPE.fullmatch(text)
    assert found is not None
    return found[1], [size.strip() for size in _LIST.split(found[2]) if size.strip()]


def symbols_of(text: str) -> list[str]:
    """The symbols of a type text in order."""
    return [name for size in parts_of_type(text)[1] for name in _SYMBOL.findall(size)]


def is_symbol(text: str) -> bool:
    return _SYMBOL.fullmatch(text) is not None


def size(text: str, env: Mapping[str, Any]) -> Any:
    """One size of a type text."""
    return expression(re.sub(r"\$(\w+)", r"\1", text).replace("$", ""), env)
