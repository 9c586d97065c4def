"""What `archspec export` says where it cannot."""

from __future__ import annotations


class ExportError(Exception):
    """A model that cannot be exported so; nothing is written. `help`: what to try."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.help = help
