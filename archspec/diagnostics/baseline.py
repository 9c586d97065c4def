"""A baseline: the warnings that a project has now, so that only new ones are findings.

A warning is known by its file, its code and the text of its line, so it stays known when lines are added above it, and
becomes new when its own line changes.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from archspec.diagnostics.lines import words_of
from archspec.diagnostics.model import Diagnostic

VERSION = 1
MAX_BYTES = 1 << 24
_KEY = "archspec-baseline"


class Known(NamedTuple):
    """`file` is relative to the folder of the baseline, with `/` between folders; `line` is the text, trimmed."""

    file: str
    code: str
    line: str


class BaselineError(Exception):
    """The file is no baseline."""


class Baseline:
    """The known warnings, each as often as it is there. `path`: where the baseline lies."""

    def __init__(self, path: Path, known: Mapping[Known, int] | None = None) -> None:
        self.path = path
        self.known = Counter(known or {})
        self._left = Counter(self.known)
        self._found: Counter[Known] = Counter()
        self._files: set[str] = set()

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """Raises OSError, and BaselineError where the file is something else."""
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise BaselineError(f"it is larger than {MAX_BYTES >> 20} MiB")
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            raise BaselineError("it is not JSON") from None
        if not isinstance(data, dict) or data.get(_KEY) != VERSION:
            raise BaselineError(f"it does not say `{_KEY}: {VERSION}`")
        entries = data.get("warnings")
        known: Counter[Known] = Counter()
        for entry in entries if isinstance(entries, list) else [None]:
            if not isinstance(entry, dict):
                raise BaselineError("its `warnings` are no list of findings")
            words = [word for key in Known._fields if isinstance(word := entry.get(key), str)]
            count = entry.get("count", 1)
            if len(words) < len(Known._fields) or type(count) is not int or count < 1:
                raise BaselineError("one of its `warnings` has no `file`, `code` or `line`")
            known[Known(*words)] += count
        return cls(path, known)

    def copy(self) -> Baseline:
        """The same baseline, nothing of it found so far."""
        return Baseline(self.path, self.known)

    def new(self, found: Iterable[Diagnostic], sources: Mapping[str, str], files: Iterable[str]) -> list[Diagnostic]:
        """Those of the findings that are errors, or warnings that the baseline does not know.

        `files`: all that were looked at, so that known warnings that are gone can be told.
        """
        self._files.update(self._name(file) for file in files)
        kept = []
        for d in found:
            key = None if d.is_error else self._known(d, sources)
            if key is not None:
                self._found[key] += 1
            if key is None or self._left[key] < 1:
                kept.append(d)
            else:
                self._left[key] -= 1
        return kept

    @property
    def gone(self) -> int:
        """How many known warnings of the files that were looked at are no longer there."""
        return sum(count for key, count in self._left.items() if key.file in self._files)

    def text(self) -> str:
        """The baseline as it should be now: of the files that were looked at what was found, of others what was known
        (if they are still there)."""
        folder = self.path.parent
        now = {key: n for key, n in self.known.items() if key.file not in self._files and (folder / key.file).exists()}
        now |= self._found
        entries = [{**key._asdict(), "count": now[key]} for key in sorted(now)]
        return json.dumps({_KEY: VERSION, "warnings": entries}, indent=1, ensure_ascii=False) + "\n"

    def _known(self, d: Diagnostic, sources: Mapping[str, str]) -> Known:
        line = words_of(sources.get(d.span.file, ""), d.span.line)
        return Known(self._name(d.span.file), d.code, " ".join(line.split()))

    def _name(self, file: str) -> str:
        if file.startswith("<"):  # <stdin>
            return file
        try:
            return Path(os.path.relpath(file, self.path.parent)).as_posix()
        except ValueError:  # another drive
            return Path(file).as_posix()
