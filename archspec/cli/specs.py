"""Which specs a command line means, and what it sets in them."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.cli.output import UsageError

if TYPE_CHECKING:
    from archspec.pipeline import Spec

STDIN = "-"
STDIN_FILE = "<stdin>"  # what messages call it
_SUFFIXES = (".yaml", ".yml")
_IS_SPEC = re.compile(rb"^(?:\xef\xbb\xbf)?archspec[ \t]*:", re.MULTILINE)
_GLOB = re.compile(r"[*?\[]")
_IS_LIBRARY = re.compile(rb"^blocks[ \t]*:", re.MULTILINE)
_IS_MORE = re.compile(rb"^(?:inputs|layers|extends)[ \t]*:", re.MULTILINE)
_LOOK_AT = 1 << 20  # bytes searched for the `archspec:` key


def add_set(
    parser: argparse.ArgumentParser,
    help: str = "give a parameter of the spec another value, written as in YAML (repeatable): --set depths='[2, 2]'",
) -> None:
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help=help)


def add_set_of_spec(parser: argparse.ArgumentParser) -> None:
    """`--set` of a command that takes a run folder or a spec; see `set_of_spec`."""
    add_set(parser, "of a spec, not of a run: give a parameter another value (repeatable): --set classes=10")


def set_of_spec(args: argparse.Namespace, source: Path) -> dict[str, Any]:
    """The parameters that `--set` gives. Raises UsageError where `source` is a run."""
    params = overrides(args.set)
    if params and source.is_dir():
        raise UsageError("`--set` is not given with a run", "help: a run has its spec, with all that was set")
    return params


def add_weights(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("--weights", metavar="FILE", action="append", default=[], help=help)


def overrides(given: list[str]) -> dict[str, Any]:
    """`["classes=10", "depths=[2, 2]"]` as parameters. Raises UsageError."""
    from archspec.diagnostics.model import Diagnostics
    from archspec.reading.reader import read

    out: dict[str, Any] = {}
    for text in given:
        name, equals, written = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UsageError(f"`--set {text}` has no value", "help: write --set NAME=VALUE")
        if not written.strip():
            raise UsageError(
                f"`--set {text}` has an empty value", f"help: write --set {name}=null or --set {name}='\"\"'"
            )
        if name in out:
            raise UsageError(f"`{name}` is set twice")
        found = Diagnostics()
        node = read(f"value: {written}", "--set", found)
        value = node.data() if node is not None and not found.has_errors else None
        if not isinstance(value, dict) or list(value) != ["value"]:
            why = next((d.message for d in found), "it is not one value")
            raise UsageError(f"the value of `--set {text}` cannot be read: {why}")
        out[name] = value["value"]
    return out


def expand(given: list[str], *, specs_only: bool = False) -> Iterator[str]:
    """Files for names of files, directories and patterns, in order; `-` stays. Raises UsageError.

    `specs_only`: also of files that are named, those without an `archspec:` key are left out.
    """
    seen: set[str] = set()
    for name in given:
        found = _expand_one(name)
        for file in found:
            if file not in seen and not (specs_only and file != STDIN and not _is_spec(file)):
                seen.add(file)
                yield file


def _expand_one(name: str) -> list[str]:
    if name == STDIN:
        return [STDIN]
    if Path(name).is_dir():
        return _directory(name)
    if not Path(name).exists() and _GLOB.search(name):
        from glob import glob

        files: list[str] = []
        for match in sorted(glob(name, recursive=True)):  # noqa: PTH207 - Path.glob takes no absolute pattern
            files += _directory(match) if Path(match).is_dir() else [match]
        if not files:
            raise UsageError(f"no file matches `{name}`")
        return files
    return [name]


def _directory(name: str) -> list[str]:
    """The specs below a directory; other YAML files are left out, with a note unless specs include them as blocks."""
    specs: list[str] = []
    others = 0
    for folder, folders, files in os.walk(name):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in sorted(files):
            if file.endswith(_SUFFIXES):
                path = os.path.normpath(os.path.join(folder, file))  # noqa: PTH118 - keeps the name as given
                if _is_spec(path):
                    specs.append(path)
                elif not _is_library(path):
                    others += 1
    if others:
        print(
            f"note: {name}: left out {others} YAML file{'s' * (others > 1)} without an `archspec:` key", file=sys.stderr
        )
    if not specs:
        raise UsageError(
            f"there is no spec in `{name}`", "help: a spec is a .yaml or .yml file with an `archspec:` key"
        )
    return specs


def _is_library(path: str) -> bool:
    """Is it a file of blocks and of nothing else?"""
    with Path(path).open("rb") as file:
        start = file.read(_LOOK_AT)
    return _IS_LIBRARY.search(start) is not None and _IS_MORE.search(start) is None


def _is_spec(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return _IS_SPEC.search(file.read(_LOOK_AT)) is not None
    except OSError:
        return True  # it is reported where it is read


def load(name: str) -> Spec:
    """A spec by the name `expand` gave. Raises OSError, also where standard input is closed."""
    from archspec import pipeline

    if name == STDIN:
        return pipeline.Spec(contents(name), STDIN_FILE, Path())
    return pipeline.load(Path(name))


def contents(name: str) -> bytes:
    """What the file of a name holds, or more than a spec may have of it. Raises OSError, as `load`."""
    from archspec.reading import text

    if name != STDIN:
        return text.contents(Path(name))
    if sys.stdin is None:
        raise OSError(None, "standard input is closed")
    return sys.stdin.buffer.read(text.MAX_BYTES + 1)


def load_one(name: str) -> Spec:
    """A spec named on a command line that takes exactly one. Raises UsageError."""
    try:
        return load(name)
    except OSError as wrong:
        raise UsageError(cannot_read(name, wrong), code="AS107") from None


def cannot_read(name: str, wrong: OSError) -> str:
    return f"`{name}` cannot be read: {wrong.strerror or wrong}"
