"""Standard output and standard error as they are: closed, cut off, without a terminal, or without Unicode."""

from __future__ import annotations

import codecs
import os
import sys
from typing import Any

CUT_OFF = 141  # 128 + SIGPIPE: what shells expect of a process whose output nobody reads any more
_PLAIN = {"→": "->", "…": "...", "─": "-", "×": "x", "≤": "<=", "≥": ">=", "“": '"', "”": '"', "’": "'"}
_HANDLER = "archspec.plain"


def prepare() -> None:
    """Make both streams ones that take any text."""
    codecs.register_error(_HANDLER, _plain)
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:  # closed by the caller: `>&-`
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)


def drop() -> None:
    """What cannot be written now cannot be written at exit either, where Python would try once more and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """For an encoding without them, the characters of archspec's own texts in ASCII, and others as `\\u2192`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    char = error.object[error.start]
    if char in _PLAIN:
        return _PLAIN[char], error.start + 1
    escaped = codecs.backslashreplace_errors(
        UnicodeEncodeError(error.encoding, error.object, error.start, error.start + 1, error.reason)
    )
    return escaped[0], error.start + 1


def wants_color(stream: Any) -> bool:
    """Does a stream get colours where the command line leaves it open?

    NO_COLOR (no-color.org) says no; FORCE_COLOR and CLICOLOR_FORCE yes, also without a terminal; CLICOLOR=0 no;
    else it is a terminal that can.
    """
    said = os.environ.get
    if said("NO_COLOR"):
        return False
    if said("FORCE_COLOR", "") not in ("", "0", "false") or said("CLICOLOR_FORCE", "") not in ("", "0"):
        return True
    if said("CLICOLOR") == "0" or said("FORCE_COLOR") in ("0", "false") or said("TERM") == "dumb":
        return False
    return bool(stream.isatty())
