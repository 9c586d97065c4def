"""The arguments of the op or block that is being called, and which of them is being written."""

from __future__ import annotations

from typing import NamedTuple

from archspec.editor.analysis import Analysis
from archspec.editor.cursor import cursor
from archspec.editor.definition import Scene, block
from archspec.editor.names import is_item
from archspec.editor.tree import text
from archspec.ops.registry import find
from archspec.ops.words import first_line, value
from archspec.reading.nodes import Mapping


class Argument(NamedTuple):
    label: str
    doc: str


class Signature(NamedTuple):
    """`active`: the number of the argument under the cursor; None where it is none yet."""

    name: str
    doc: str
    arguments: tuple[Argument, ...]
    active: int | None

    @property
    def label(self) -> str:
        return f"{self.name}({', '.join(argument.label for argument in self.arguments)})"


def signature(analysis: Analysis, line: int, col: int) -> Signature | None:
    """Of the op or block whose arguments are being written at a place (from 1)."""
    place = cursor(analysis.text, line, col)
    if place is None:
        return None
    for length in range(len(place.path), 0, -1):
        name = place.path[length - 1]
        if isinstance(name, str) and is_item(place.root, place.path[: length - 1]):
            inner = place.path[length : length + 1]
            written = inner[0] if inner else place.word if place.role == "key" else None
            lone = not inner and place.role == "value"
            return _of(Scene(place.root, analysis.report.assembled), name, written, lone=lone)
    return None


def _of(scene: Scene, name: str, written: object, *, lone: bool) -> Signature | None:
    if (op := find(name)) is not None:
        names = list(op.args)
        arguments = tuple(
            Argument(
                arg.name if arg.required else f"{arg.name}={value(arg.default)}",
                f"{arg.doc or arg.kind.title} ({arg.kind.title})",
            )
            for arg in op.args.values()
        )
        doc = first_line(op.__doc__)
    elif (given := block(scene, name)) is not None and isinstance(given.node, Mapping):
        params = given.node.get("params")
        entries = params.entries if isinstance(params, Mapping) else {}
        names = list(entries)
        arguments = tuple(Argument(f"{key}: {value(node.data())}", "") for key, node in entries.items())
        doc = text(given.node.get("doc")) or ""
    else:
        return None
    if not arguments:
        return None
    active = names.index(written) if written in names else 0 if lone else None
    return Signature(name, doc, arguments, active)
