"""A spec with other values: the text edited where it can be, so that comments and layout stay. Torch-free."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping as MappingType
from collections.abc import Sequence as SequenceType
from typing import Any

from archspec.diagnostics.model import Diagnostics, Span
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.reading.reader import read
from archspec.reading.scalars import resolve

Path = tuple[str, ...]
SHORT = ("data", "loss", "optimizer", "schedule")  # keys of `train` that take a lone name


class EditError(Exception):
    """A value that cannot be set. `path` is where it was to go, `options` the keys there are."""

    def __init__(self, message: str, path: Path, options: SequenceType[str] = ()) -> None:
        super().__init__(message)
        self.path = path
        self.options = tuple(options)


def with_values(text: str, values: MappingType[Path, Any], file: str = "spec") -> str:
    """The text with `values` set: {("params", "classes"): 10, ("train", "epochs"): 3}.

    A key that is not there is added to its mapping. The result always reads as the spec's data with these values: an
    edit of the text that would not is not made, and the data are written out anew instead. Raises EditError where a
    path leads through something that is no mapping, or the text is no YAML mapping at all.
    """
    for path, value in values.items():
        text = _with_value(text, path, value, file)
    return text


def _tree(text: str, file: str) -> Node | None:
    found = Diagnostics()
    node = read(text, file, found)
    return None if found.has_errors else node


def _with_value(text: str, path: Path, value: Any, file: str) -> str:
    root = _tree(text, file)
    if not isinstance(root, Mapping):
        raise EditError("the spec is no YAML mapping", path)
    data = _data(root)
    inner = data
    for k, key in enumerate(path[:-1]):
        found = inner.get(key)
        if isinstance(found, str) and key in SHORT:  # `data: digits` is `data: {digits: {}}`
            found = {found: {}} if path[k + 1] == found else {}
        if found is None:
            found = {}
        if not isinstance(found, dict):
            raise EditError(f"`{'.'.join(path[: k + 1])}` is no mapping", path)
        inner[key] = inner = found
    inner[path[-1]] = value
    edited = _edited(text, root, path, value)
    if edited is not None:
        node = _tree(edited, file)
        if node is not None and _same(_data(node), data):
            return edited
    return dump(data)


class _Word(str):
    """A word without quotes: as the value of a parameter, `int` is a type, and `"int"` a text."""

    __slots__ = ()


def _data(node: Node) -> Any:
    """The plain data of a node, with words kept apart from texts."""
    if isinstance(node, Mapping):
        return {key: _data(value) for key, value in node.entries.items()}
    if isinstance(node, Sequence):
        return [_data(item) for item in node.items]
    value = node.data()
    is_word = isinstance(node, Scalar) and node.plain and isinstance(value, str) and value.isidentifier()
    return _Word(value) if is_word else value


def whole_text(root: Mapping) -> str:
    """A spec that is made of several files as one file. Layout and comments are lost."""
    return dump(_data(root))


def _same(a: Any, b: Any) -> bool:
    """Equal, and of equal types: 1, 1.0 and true differ."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def _edited(text: str, root: Mapping, path: Path, value: Any) -> str | None:
    """The text with the value put in place, or None where there is no simple edit."""
    node: Node | None = root
    for k, key in enumerate(path):
        if not isinstance(node, Mapping):
            return None
        if key not in node:
            return _added(text, node, path[k:], value)
        node = node.entries[key]
    if not isinstance(node, (Scalar, Sequence, Mapping)) or node.span.line != node.span.end_line:
        return None
    start, end = _offset(text, node.span.line, node.span.col), _offset(text, node.span.line, node.span.end_col)
    return text[:start] + flow(value) + text[end:]


def _added(text: str, parent: Mapping, path: Path, value: Any) -> str | None:
    """A new entry behind the last one of a mapping."""
    for key in reversed(path[1:]):
        value = {key: value}
    last = next(reversed(parent.keys), None)
    if last is None:
        return None
    if text[_offset(text, parent.span.line, parent.span.col)] == "{":
        at = _end(text, parent.entries[last].span)
        return f"{text[:at]}, {path[0]}: {flow(value)}{text[at:]}"
    at = _end(text, parent.entries[last].span)
    line_end = text.find("\n", at - 1 if text[at - 1 : at] == "\n" else at)
    line_end = len(text) if line_end < 0 else line_end
    indent = " " * (parent.keys[last].col - 1)
    return f"{text[:line_end]}\n{indent}{path[0]}: {flow(value)}{text[line_end:]}"


def _end(text: str, span: Span) -> int:
    return _offset(text, span.end_line, span.end_col)


def _offset(text: str, line: int, col: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return start + col - 1


def flow(value: Any) -> str:
    """A value in YAML's flow style; strings are quoted as in JSON, which YAML 1.2 includes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return str(value) if isinstance(value, _Word) else json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    return key if key.isidentifier() and _same(resolve(key), key) else json.dumps(key, ensure_ascii=False)


def dump(data: MappingType[str, Any], indent: int = 0) -> str:
    """Block YAML, two levels deep, with flow values below: what `read` gives the same data for."""
    lines = []
    for key, value in data.items():
        name = " " * indent + _key(key)
        if isinstance(value, dict) and value and indent < 4:
            lines.append(f"{name}:\n{dump(value, indent + 2)}")
        elif isinstance(value, list) and value and indent < 4:
            lines.append(f"{name}:\n" + "".join(f"{' ' * indent}  - {flow(item)}\n" for item in value))
        else:
            lines.append(f"{name}: {flow(value)}\n")
    return "".join(lines)
