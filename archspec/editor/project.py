"""The specs in the folders that an editor has open, and which of them bring in which."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from archspec.diagnostics.model import Diagnostics
from archspec.editor.tree import text
from archspec.reading.files import SUFFIXES
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.reading.reader import read

MOST = 2_000  # files that are looked at
LARGEST = 1 << 20  # bytes of one
_OURS = re.compile(rb"^[\"']?(archspec|layers|blocks|extends)[\"']?\s*:", re.MULTILINE)
_PASSED_OVER = ("node_modules", "__pycache__", "venv")


class File(NamedTuple):
    """`stamp` tells one state of it from another; `root`: its tree, None where it is no spec or cannot be read."""

    stamp: object
    root: Node | None
    named: tuple[str, ...]


class Project:
    """What is known of the files, each read again once it is another. `open_text` gives the text of one that is open in
    the editor, by its real path."""

    def __init__(self, open_text: Callable[[str], str | None]) -> None:
        self.open_text = open_text
        self._known: dict[str, File] = {}

    def files(self, folders: Iterable[str]) -> Iterator[tuple[str, Node]]:
        """The real path and the tree of each spec and file of blocks."""
        for path in _below(folders):
            if (root := self.file(path).root) is not None:
                yield path, root

    def file(self, path: str) -> File:
        given = self.open_text(path)
        stamp = given if given is not None else stamp_of(path)
        known = self._known.get(path)
        if known is None or known.stamp != stamp:
            root = _tree(path, given)
            named = tuple(there for _, there in files_named(root, Path(path).parent))
            known = self._known[path] = File(stamp, root, named)
        return known

    def specs_with(self, path: str, folders: Iterable[str]) -> list[str]:
        """Those of the files that bring in a file, however many others lie between."""
        users: dict[str, set[str]] = {}
        for user, _ in self.files(folders):
            for named in self.file(user).named:
                users.setdefault(named, set()).add(user)
        seen, found, left = {path}, [], [path]
        while left:
            above = users.get(left.pop(), set()) - seen
            seen |= above
            left += above
            found += sorted(above)
        return found


def files_named(root: Node | None, folder: Path) -> list[tuple[Scalar, str]]:
    """The files that a tree includes and starts from: where they are named, and their real paths."""
    if not isinstance(root, Mapping):
        return []
    include = root.get("include")
    nodes = [root.get("extends"), *(include.items if isinstance(include, Sequence) else [include])]
    return [
        (node, os.path.realpath(folder / word))
        for node in nodes
        if isinstance(node, Scalar) and (word := text(node)) and word.endswith(SUFFIXES) and "\0" not in word
    ]


def stamp_of(path: str) -> object:
    """What tells a state of a file on the disk from another; None where there is no file."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _tree(path: str, given: str | None) -> Node | None:
    try:
        if given is None and Path(path).stat().st_size > LARGEST:
            return None
        data = given.encode("utf-8", "replace") if given is not None else Path(path).read_bytes()
    except OSError:
        return None
    return read(data, path, Diagnostics()) if _OURS.search(data) else None


def _below(folders: Iterable[str]) -> Iterator[str]:
    count = 0
    for folder in folders:
        for place, inner, files in os.walk(folder):
            inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in _PASSED_OVER)
            for name in sorted(files):
                if name.endswith(SUFFIXES):
                    count += 1
                    if count > MOST:
                        return
                    yield os.path.realpath(os.path.join(place, name))  # noqa: PTH118
