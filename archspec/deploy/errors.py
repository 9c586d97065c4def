"""What `archspec export` says where it cannot."""

from __future__ import annotations

from typing import NamedTuple

from archspec.diagnostics.model import Span


class Place(NamedTuple):
    """The op of the spec that is the cause, and a few words about it."""

    span: Span
    label: str


class ExportError(Exception):
    """A model that cannot be exported so; nothing is written. `help`: what to try."""

    def __init__(self, message: str, help: str | None = None, place: Place | None = None) -> None:
        super().__init__(message)
        self.help = help
        self.place = place


class RefusedError(ExportError):
    """PyTorch or onnxruntime does not take the model, or does not run what was made of it."""
