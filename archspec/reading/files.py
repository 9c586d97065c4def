"""The files that a spec names (`include`, `extends`): found, bounded and read. Nothing else is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping as MappingOf
from pathlib import Path
from typing import NamedTuple, Protocol

from archspec.diagnostics.model import Diagnostics, Span
from archspec.reading.nodes import Mapping, Node, Scalar
from archspec.reading.reader import read
from archspec.reading.text import MAX_BYTES

MAX_FILES = 16  # that one spec may name, with those that they name
MAX_DEPTH = 8  # of specs that start from one another
MAX_TOTAL = MAX_BYTES  # of these files, so that the whole fits into one again
SUFFIXES = (".yaml", ".yml")


class File(NamedTuple):
    """A file as messages name it, where its relative paths start, which one it is, and what it holds."""

    name: str
    folder: str
    identity: str
    root: Mapping


class FileSource(Protocol):
    """Where files are taken from: the disk, or a revision of a repository. Paths are normal ones."""

    def join(self, by: str, written: str) -> str:
        """The name, in messages, of a file that the file called `by` names."""

    def identity(self, path: str) -> str:
        """Which file a path leads to."""

    def content(self, path: str) -> bytes:
        """What the file of this identity holds, or more than a spec may have of it. Raises OSError."""


class Disk:
    """The files of this machine. A link is followed if it leads to a spec.

    `texts`: what files hold that are not read from the disk, by their real paths.
    """

    def __init__(self, texts: MappingOf[str, bytes] | None = None) -> None:
        self.texts = texts or {}

    def join(self, by: str, written: str) -> str:
        return os.path.normpath(os.path.join(os.path.dirname(by), written))  # noqa: PTH118, PTH120

    def identity(self, path: str) -> str:
        return os.path.realpath(path)

    def content(self, path: str) -> bytes:
        if not path.endswith(SUFFIXES):
            raise OSError(None, "it is a link to a file that is no .yaml file")
        return self.texts[path] if path in self.texts else _content(path)


DISK = Disk()


class Files:
    """The files of one spec. `sources`: the text of each that was read, by name; `folders`: where they lie."""

    def __init__(self, diagnostics: Diagnostics, source: FileSource = DISK) -> None:
        self.diagnostics = diagnostics
        self.source = source
        self.sources: dict[str, str] = {}
        self.folders: dict[str, Path] = {}
        self._known: dict[str, File | None] = {}
        self._bytes = 0

    def first(self, root: Mapping, name: str, folder: Path) -> File:
        """The spec that everything starts from, which is read already."""
        return File(name, str(folder), self.source.identity(str(folder / Path(name).name)), root)

    def named(self, node: Node, key: str, by: File, chain: tuple[File, ...] = ()) -> File | None:
        """The file at a path that `by` gives under `key`; None where it cannot be had (reported).

        Reports AS107 for a file that cannot be read, AS108 for one of the `chain` that led here, AS104 for too many,
        AS205 for what is no path, and what reading the file itself reports.
        """
        written = node.value if isinstance(node, Scalar) else None
        if not isinstance(written, str) or not written:
            self.diagnostics.error("AS205", node.span, f"`{key}` takes the path of a file", help=_EXAMPLE[key])
            return None
        wrong = _wrong_path(written)
        if wrong is not None:
            self.diagnostics.error("AS205", node.span, f"`{written}` cannot be read: {wrong[0]}", help=wrong[1])
            return None
        # `..` goes by the words of the path, not through links: so the name shown is the file read.
        name = self.source.join(by.name, written)
        path = os.path.normpath(os.path.join(by.folder, written))  # noqa: PTH118
        identity = self.source.identity(path)
        for place, above in enumerate(chain):
            if above.identity == identity:
                names = [file.name for file in chain[place:]] + [above.name]
                shown = " → ".join(names)
                self.diagnostics.error(
                    "AS108",
                    node.span,
                    "a spec cannot start from itself" if len(names) == 2 else f"these start from one another: {shown}",
                    help="name the spec that the others come from",
                )
                return None
        if len(chain) > MAX_DEPTH:
            message = f"more than {MAX_DEPTH} specs start from one another"
            self.diagnostics.error("AS104", node.span, message, help="start from an earlier one of them")
            return None
        if path not in self._known:
            self._known[path] = self._read(node.span, written, name, path, identity)
        return self._known[path]

    def _read(self, span: Span, written: str, name: str, path: str, identity: str) -> File | None:
        if len(self._known) >= MAX_FILES:
            self.diagnostics.error("AS104", span, f"a spec is made of more than {MAX_FILES + 1} files")
            return None
        try:
            text = self.source.content(identity)
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            seen = f"looked for at {name}: a path starts from the file that names it" if name != written else None
            self.diagnostics.error("AS107", span, f"`{written}` cannot be read: {why}", help=seen)
            return None
        self._bytes += len(text)
        if self._bytes > MAX_TOTAL and len(text) <= MAX_BYTES:
            message = f"the files that the spec names are larger than {MAX_TOTAL // 1024} KiB together"
            self.diagnostics.error("AS104", span, message)
            return None
        self.sources[name] = text.decode("utf-8", "replace")
        folder = os.path.dirname(path)  # noqa: PTH120
        self.folders[name] = Path(folder)
        root = read(text, name, self.diagnostics)
        if root is None:
            return None
        if not isinstance(root, Mapping):
            self.diagnostics.error("AS205", root.span, "a file of a spec is a mapping: `blocks:`, `layers:`, …")
            return None
        return File(name, folder, identity, root)


_EXAMPLE = {"extends": "write `extends: resnet50.yaml`", "include": "write `include: [common.yaml]`"}


def _wrong_path(written: str) -> tuple[str, str] | None:
    """What is wrong with a path, and what to do; None if nothing."""
    if "://" in written:
        return "nothing is read over a network", "copy the file beside this one, and name it"
    if "$" in written:
        return "a path is plain text, without expressions", "write the path itself"
    if "\\" in written or "\0" in written:
        return "it has a character that paths of specs do not have", "put `/` between folders"
    if not written.endswith(SUFFIXES):
        return "a spec is made of .yaml files", "name a file that ends in .yaml or .yml"
    return None


def _content(path: str) -> bytes:
    """The bytes of an ordinary file, at most one more than a spec may have. Raises OSError, also for a device."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(number).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(None, "it is a folder" if stat.S_ISDIR(mode) else "it is no ordinary file")
        with open(number, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    finally:
        os.close(number)
