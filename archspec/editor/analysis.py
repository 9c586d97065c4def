"""A text as an editor has it, checked: what is known of it now, and of the last time it could be read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping as MappingOf
from pathlib import Path
from types import MappingProxyType

from archspec import pipeline
from archspec.diagnostics.model import Diagnostic, Diagnostics, Span
from archspec.editor.names import call_of
from archspec.editor.project import files_named
from archspec.editor.types import ItemType, item_types
from archspec.pipeline import Report
from archspec.reading.nodes import Node
from archspec.reading.reader import read
from archspec.schema.skeleton import WHOLE

_SPEC = re.compile(r"^[\"']?(archspec|layers|blocks|extends)[\"']?\s*:", re.MULTILINE)
_KEYS = {*WHOLE, "include", "extends", "replace"}
_KEY = re.compile(r"^[\"']?(\w[\w.-]*)[\"']?\s*:(?:\s|$)", re.MULTILINE)
_WHOLE = re.compile(r"^[\"']?(layers|inputs|extends)[\"']?\s*:", re.MULTILINE)


class Analysis:
    """One state of a text. `root` is its tree; where it cannot be read, that of the last state that could (`stale`).

    `lines`: those of the text.
    `texts`: what files hold that are not read from the disk, by their real paths: those that are open too.
    `others`: the real paths of the files that it brings in, or would if they were there.
    """

    def __init__(
        self,
        text: str,
        file: str,
        base: Path,
        before: Analysis | None = None,
        texts: MappingOf[str, bytes] = MappingProxyType({}),
    ) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.file = file
        self.base = base
        self.texts = texts
        self.report: Report = pipeline.check(pipeline.Spec(text, file, base, texts=texts))
        root = read(text, file, Diagnostics())
        self.others = {os.path.realpath(name) for name in self.report.folders if name != file}
        self.others |= {path for _, path in files_named(root, base)}
        self.stale = root is None
        self.root: Node | None = root if root is not None or before is None else before.root
        self.types: dict[Span, ItemType] = {}
        if root is not None:
            self.types = item_types(self.report.typed)

    @property
    def is_spec(self) -> bool:
        """Is the text meant to be a spec, or a file of blocks? Editors ask about every YAML file."""
        return _SPEC.search(self.text) is not None

    @property
    def foreign(self) -> bool:
        """Is it surely the file of another program: one with keys that no spec has?"""
        return not self.is_spec and any(key not in _KEYS for key in _KEY.findall(self.text))

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What is wrong with the text, if it is meant to be a spec; of a file of blocks, whether it can be read."""
        if not self.is_spec:
            return []
        if not _WHOLE.search(self.text):
            return [d for d in self.report.diagnostics if d.code.startswith("AS1")]
        return self.report.diagnostics

    def type_of(self, item: Node) -> ItemType | None:
        """The types of an item, as far as they are known."""
        call = call_of(item)
        return None if call is None else self.types.get(call[2])
