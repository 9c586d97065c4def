"""The page of a diagnostic code, as text, Markdown or data: what, why, a failing spec, what is printed, the repair.

What is printed is found by doing it: the example is checked when the page is made.
"""

from __future__ import annotations

import contextlib
import io
import shlex
import tempfile
from pathlib import Path
from textwrap import fill, indent
from typing import Any, NamedTuple

from archspec.diagnostics.catalogue import MODEL, TITLES, Entry, catalogue

WIDTH = 100  # columns of a page in a terminal
DOCUMENTS = "docs/errors"
_NOTICE = "<!-- Generated from archspec/diagnostics/entries/ by `make docs`; edit those. -->"


class Page(NamedTuple):
    """`output`: what the example's command prints; None where there is no example."""

    entry: Entry
    output: str | None

    @property
    def paragraphs(self) -> list[str]:
        """What it means, and why."""
        return [" ".join(part.split()) for part in self.entry.meaning.strip().split("\n\n")]


def page(entry: Entry) -> Page:
    """The page of an entry, its example carried out."""
    return Page(entry, run(entry, entry.shown, entry.failing))


def run(entry: Entry, command: str | None, spec: str | None) -> str | None:
    """What a command prints in a fresh folder that holds the spec and the entry's files."""
    if entry.output is not None or command is None:
        return entry.output and entry.output.strip("\n") + "\n"
    from archspec.cli.main import main

    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name, text in {**entry.files, **({MODEL: spec} if spec is not None else {})}.items():
            Path(name).write_text(text.lstrip("\n"), encoding="utf-8", newline="")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            main(shlex.split(command)[1:])
    return "\n".join(line.rstrip() for line in out.getvalue().strip("\n").split("\n")) + "\n"


def as_text(given: Page) -> str:
    """For a terminal: no control characters, whatever the example holds."""
    entry = given.entry
    parts = [f"{entry.code}: {entry.title}  ({entry.severity})"]
    parts += [fill(text, WIDTH) for text in given.paragraphs]
    if given.output is not None:
        named = [*entry.files.items(), *([(MODEL, entry.failing)] if entry.failing is not None else [])]
        for name, text in named:
            parts += [f"For example, {name}:" if len(named) > 1 else "For example:", _block(text)]
        parts += [f"$ {entry.shown}\n{given.output.rstrip()}"]
    parts.append(fill(" ".join(entry.repair.split()), WIDTH))
    if entry.repaired is not None:
        parts.append(_block(entry.repaired))
    if entry.fixed is not None:
        parts.append(f"$ {entry.fixed}")
    return "\n\n".join(parts) + "\n"


def as_data(given: Page) -> dict[str, Any]:
    """For programs: everything on the page by name; `example` and `repaired` are null where there is none."""
    entry = given.entry
    what, *why = given.paragraphs
    example = None
    if given.output is not None:
        example = {"spec": _plain(entry.failing), "files": {k: _plain(v) for k, v in entry.files.items()}}
        example |= {"command": entry.shown, "output": given.output}
    return {
        "code": entry.code,
        "title": entry.title,
        "severity": entry.severity,
        "what": what,
        "why": " ".join(why),
        "example": example,
        "repair": " ".join(entry.repair.split()),
        "repaired": _plain(entry.repaired),
        "repaired_command": entry.fixed,
    }


def as_markdown(given: Page) -> str:
    """One file of docs/errors/."""
    entry = given.entry
    what, *why = given.paragraphs
    parts = [_NOTICE, f"# {entry.code}: {entry.title}", f"*{_kind(entry)}*", what, *why]
    if given.output is not None:
        parts.append("## Example")
        for name, text in entry.files.items():
            parts += [f"`{name}`:", _fence("yaml", text)]
        if entry.failing is not None:
            parts += [*([f"`{MODEL}`:"] if entry.files else []), _fence("yaml", entry.failing)]
        parts.append(_fence("console", f"$ {entry.shown}\n{given.output}"))
    parts += ["## Repair", " ".join(entry.repair.split())]
    if entry.repaired is not None:
        parts.append(_fence("yaml", entry.repaired))
    if entry.fixed is not None:
        parts.append(_fence("console", f"$ {entry.fixed}"))
    return "\n\n".join(parts) + "\n"


def documents() -> dict[str, str]:
    """Every file of docs/errors/ by its path."""
    known = catalogue()
    out = {f"{DOCUMENTS}/{code}.md": as_markdown(page(entry)) for code, entry in known.items()}
    lines = [_NOTICE, "", "# Errors and warnings", "", _INDEX]
    for digit, title in TITLES.items():
        lines += ["", f"## {title}", "", "| code | | meaning |", "| --- | --- | --- |"]
        for code, entry in known.items():
            if code[2] == digit:
                lines.append(f"| [{code}]({code}.md) | {entry.severity} | {entry.title.replace('|', chr(92) + '|')} |")
    out[f"{DOCUMENTS}/README.md"] = "\n".join(lines) + "\n"
    return out


_INDEX = """\
Every code that archspec gives, with a page: what it means, why it is so, a spec that gives it, what is printed, and the
repair. In a terminal: `archspec explain AS302`. How warnings are chosen: [checking.md](../checking.md)."""


def _kind(entry: Entry) -> str:
    from archspec.diagnostics.select import OFF

    return f"{entry.severity}, off until it is asked for" if entry.code in OFF else entry.severity


def _plain(spec: str | None) -> str | None:
    return None if spec is None else spec.lstrip("\n")


def _visible(text: str) -> str:
    """A character that is not text would reach the terminal, or its reader: it is written as YAML's own escape."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text.strip("\n"))


def _block(text: str) -> str:
    return "\n".join(line.rstrip() for line in indent(_visible(text), "    ").split("\n"))


def _fence(language: str, text: str) -> str:
    return f"```{language}\n{_visible(text)}\n```"
