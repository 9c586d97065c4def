"""What commands share in writing: colour, errors of use, diagnostics."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any

from archspec.cli.streams import wants_color

if TYPE_CHECKING:
    from archspec.diagnostics.model import Diagnostic
    from archspec.model.transfer import WeightsError


class UsageError(Exception):
    """The command line, or a file it names, cannot be used. `notes` are further lines, help first."""

    def __init__(self, message: str, *notes: str, code: str = "AS901") -> None:
        super().__init__(message)
        self.message = message
        self.notes = notes
        self.code = code


class Styles:
    """Colours for a stream, or none."""

    __slots__ = ("on",)

    def __init__(self, on: bool) -> None:
        self.on = on

    @classmethod
    def of(cls, choice: str, stream: IO[str]) -> Styles:
        """`choice` is auto, always or never."""
        return cls(wants_color(stream) if choice == "auto" else choice == "always")

    def _wrap(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on else text

    def bold(self, text: str) -> str:
        return self._wrap("1", text)

    def dim(self, text: str) -> str:
        return self._wrap("2", text)

    def red(self, text: str) -> str:
        return self._wrap("1;31", text)

    def green(self, text: str) -> str:
        return self._wrap("32", text)


def add_color(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colour in the output (default: %(default)s)",
    )


def write_error(code: str, message: str, notes: Iterable[str] = (), styles: Styles | None = None) -> None:
    """An error that belongs to no place in a spec, on standard error."""
    styles = styles or Styles.of("auto", sys.stderr)
    lines = [f"{styles.red(f'error[{code}]')}{styles.bold(': ' + printable(message))}"]
    print(
        "\n".join([*lines, *(f"  = {printable(line)}" for note in notes for line in note.split("\n"))]), file=sys.stderr
    )


def write_unfit(wrong: WeightsError) -> None:
    """Weights that cannot be read, or what of them does not fit, on standard error."""
    notes = [f"help: {wrong.help}"] if wrong.help else []
    rows = [] if wrong.report is None else wrong.report.table()
    notes += rows[:20] + ([f"and {len(rows) - 20:,} more: `archspec weights` lists them all"] if len(rows) > 20 else [])
    write_error("AS702" if wrong.report is None else "AS703", str(wrong), notes)


def printable(text: str) -> str:
    """Text from outside (a file's name, say) without what could steer a terminal."""
    if text.isprintable():
        return text
    from archspec.diagnostics.text import clean

    return clean(text)


def write_diagnostics(
    found: Iterable[Diagnostic], sources: Mapping[str, str], stream: IO[str], color: str = "auto"
) -> None:
    """Diagnostics in the form of a compiler's, an empty line after each."""
    listed = list(found)
    if not listed:
        return
    from archspec.diagnostics.text import render

    on = Styles.of(color, stream).on
    for diagnostic in listed:
        print(render(diagnostic, sources, color=on), end="\n\n", file=stream)


def number(value: Any) -> str:
    """1234567 as 1,234,567; a symbolic size as it is."""
    return f"{value:,}" if isinstance(value, int) else str(value)
