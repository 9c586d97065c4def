"""The text of a spec: read within bounds, decoded, and free of what is not text."""

from __future__ import annotations

import re
from pathlib import Path

from archspec.diagnostics.model import Diagnostics, Span

MAX_BYTES = 1 << 23

# Not text (C0 and C1 controls, surrogates, noncharacters), line breaks that editors count differently, and the
# characters that make a reader see another order than the machine (bidirectional embeddings, overrides, isolates).
_FORBIDDEN = (
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\ufeff"
    r"\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
# In a key also what cannot be seen.
_INVISIBLE = (
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u2060-\u2064\u206a-\u206f\u3164\ufe00-\ufe0f\uffa0]"
)


def contents(path: Path) -> bytes:
    """The bytes of a file, at most one more than a spec may have. Raises OSError."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def forbidden(text: str) -> re.Match[str] | None:
    """The first character of a text that no spec may hold."""
    if text.replace("\n", "").isprintable():  # the common case; what is printable is not forbidden
        return None
    return re.search(_FORBIDDEN, text)


def invisible(text: str) -> re.Match[str] | None:
    """The first character of a text that cannot be seen."""
    return None if text.isascii() else re.search(_INVISIBLE, text)


def newlines(text: str) -> str:
    """The text with every line break as `\\n`, as positions count them."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def decode(text: str | bytes, file: str, diagnostics: Diagnostics) -> str | None:
    """The characters of a spec, its line breaks made `\\n`; AS104 and AS105 where it is too large or not text."""
    start = Span(file, 1, 1, 1, 1)
    size = len(text)
    if isinstance(text, str) and MAX_BYTES // 4 < size <= MAX_BYTES:
        size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        diagnostics.error(
            "AS104",
            start,
            f"the file is larger than {MAX_BYTES >> 20} MiB",
            help="a spec of this size is generated: write `repeat` and blocks, or several files",
        )
        return None
    if isinstance(text, bytes):
        if text.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")) or 0 < text[:4].count(b"\0") < 4:
            message = "the file is UTF-16 or UTF-32; a spec is UTF-8"
            diagnostics.error("AS105", start, message, help="save it with the encoding UTF-8")
            return None
        try:
            decoded = text.decode("utf-8")
        except UnicodeDecodeError as error:
            if b"\0" in text:
                diagnostics.error("AS105", start, "the file is binary, not text")
                return None
            before = newlines(text[: error.start].decode("utf-8").removeprefix("\ufeff"))
            diagnostics.error(
                "AS105",
                _point(before, len(before), file),
                f"byte 0x{text[error.start]:02x} is not UTF-8",
                help="save the file with the encoding UTF-8",
            )
            return None
    else:
        decoded = text
    decoded = newlines(decoded.removeprefix("\ufeff"))
    bad = forbidden(decoded)
    if bad is not None:
        diagnostics.error("AS105", _point(decoded, bad.start(), file, 1), _what(bad.group()))
        return None
    return decoded


def _what(char: str) -> str:
    code = f"U+{ord(char):04X}"
    if char == "\0":
        return "the file holds a NUL character: it is binary, or was damaged"
    if "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069":
        return f"character {code} changes the direction of text, so that a reader sees another order than the machine"
    if char in "\u2028\u2029\x85":
        return f"character {code} is a line break that editors count differently; use an ordinary one"
    if char == "\ufeff":
        return f"character {code} (byte order mark) stands inside the file"
    return f"control character {code} is not allowed in a spec"


def _point(text: str, index: int, file: str, width: int = 0) -> Span:
    line = text.count("\n", 0, index) + 1
    col = index - (text.rfind("\n", 0, index) + 1) + 1
    return Span(file, line, col, line, col + width)
