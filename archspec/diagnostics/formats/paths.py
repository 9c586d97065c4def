"""Names of files as the readers of a report know them: from the root of the repository."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

STDIN = "<stdin>"


def path(file: str, root: str) -> str:
    """The file from `root`, a real path, with `/` between folders; an absolute path where it is not in there."""
    return file if file == STDIN else _path(file, root, os.getcwd())  # noqa: PTH109 - a text is enough


@lru_cache(256)
def _path(file: str, root: str, folder: str) -> str:
    """`folder`: which a relative path starts from."""
    absolute = Path(os.path.abspath(os.path.join(folder, file)))  # noqa: PTH100, PTH118 - Path.absolute keeps `..`
    for parent in (absolute.parent, Path(os.path.realpath(absolute.parent))):
        with suppress(ValueError):
            return (parent.relative_to(root) / absolute.name).as_posix()
    return absolute.as_posix()


def uri(file: str, root: str) -> str:
    """The same as a URI reference (RFC 3986): relative in the repository, else `file:///…`."""
    shown = path(file, root)
    escaped = quote(os.fsencode(shown))
    if shown != STDIN and Path(shown).is_absolute():
        return f"file://{escaped}" if escaped.startswith("/") else f"file:///{escaped}"
    return escaped


def utf8(text: str) -> str:
    """The text without the halves of characters by which Python keeps the odd bytes of a file's name."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
