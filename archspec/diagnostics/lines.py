"""The lines of a source as spans count them."""

from __future__ import annotations

from functools import lru_cache

_LONGEST = 400


@lru_cache(8)
def lines_of(text: str) -> list[str]:
    """Its lines without their breaks; `str.splitlines` knows more of those than positions count."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n") if text else []


def words_of(text: str, line: int) -> str:
    """What stands in a line, to know a finding by when it has moved: so much of it that it is not another's."""
    lines = lines_of(text)
    return lines[line - 1].strip()[:_LONGEST] if 1 <= line <= len(lines) else ""
