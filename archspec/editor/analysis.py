"""A text as an editor has it, checked: what is known of it now, and of the last time it could be read."""

from __future__ import annotations

import re
from pathlib import Path

from archspec import pipeline
from archspec.diagnostics.model import Diagnostic, Diagnostics, Span
from archspec.editor.names import call_of
from archspec.editor.types import ItemType, item_types
from archspec.pipeline import Report
from archspec.reading.nodes import Node
from archspec.reading.reader import read

_SPEC = re.compile(r"^[\"']?(archspec|layers|blocks|extends)[\"']?\s*:", re.MULTILINE)
_WHOLE = re.compile(r"^[\"']?(layers|inputs|extends)[\"']?\s*:", re.MULTILINE)


class Analysis:
    """One state of a text. `root` is its tree; where it cannot be read, that of the last state that could (`stale`)."""

    def __init__(self, text: str, file: str, base: Path, before: Analysis | None = None) -> None:
        self.text = text
        self.file = file
        self.report: Report = pipeline.check(pipeline.Spec(text, file, base))
        root = read(text, file, Diagnostics())
        self.stale = root is None
        self.root: Node | None = root if root is not None or before is None else before.root
        self.types: dict[Span, ItemType] = {}
        if root is not None:
            self.types = item_types(self.report.typed)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What is wrong with the text, if it is meant to be a spec; of a file of blocks, whether it can be read."""
        if not _SPEC.search(self.text):
            return []
        if not _WHOLE.search(self.text):
            return [d for d in self.report.diagnostics if d.code.startswith("AS1")]
        return self.report.diagnostics

    def type_of(self, item: Node) -> ItemType | None:
        """The types of an item, as far as they are known."""
        call = call_of(item)
        return None if call is None else self.types.get(call[2])
