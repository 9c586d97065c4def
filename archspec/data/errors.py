"""What is wrong with a data file, as a diagnostic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from archspec.diagnostics.model import Diagnostic, Span, SpecError
from archspec.recipe.files import DataError


@contextmanager
def reported(span: Span) -> Iterator[None]:
    """A DataError as a SpecError (AS504): at the line of the data file if it has one, else at `span`."""
    try:
        yield
    except DataError as error:
        message, place = str(error), span
        if error.file is not None and error.line is not None:
            message, place = error.message, Span(str(error.file), error.line, 1, error.line, 2)
        raise SpecError([Diagnostic("AS504", message, place, help=error.help)]) from error
