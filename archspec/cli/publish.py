"""The report of `archspec check` for a program or a CI service: in which format, and into which file."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archspec.cli.output import UsageError
from archspec.cli.writing import check_target, write_output

if TYPE_CHECKING:
    from archspec.diagnostics.outcome import Outcome

TEXT = "text"
FORMATS = (TEXT, "json", "github", "gitlab", "sarif", "junit")
# Where a CI service lays the repository: files are named from there, whatever folder the command runs in.
_ROOTS = {"github": "GITHUB_WORKSPACE", "sarif": "GITHUB_WORKSPACE", "gitlab": "CI_PROJECT_DIR"}


def add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default=TEXT,
        help="how findings are written: for people, or for a program or CI service (default: %(default)s)",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write the report into FILE, in one step, and the text for people to standard output",
    )


def publish(outcomes: Sequence[Outcome], args: argparse.Namespace) -> None:
    """Write the report that the options ask for, beside the text for people. Raises UsageError."""
    if args.format == TEXT and args.output is None:
        return
    from archspec import __version__
    from archspec.diagnostics.formats import render

    written = render(args.format, outcomes, version=__version__, root=_root(args.format), strict=args.strict)
    if args.output is None:  # for a program: UTF-8, whatever a terminal here would take
        sys.stdout.flush()
        sys.stdout.buffer.write(written.encode())
        sys.stdout.buffer.flush()
    else:
        write_output(Path(args.output), written)


def _root(format: str) -> str:
    """The repository as the CI service says; the working directory where that lies elsewhere, or none says."""
    here = Path.cwd().resolve()
    told = os.environ.get(_ROOTS.get(format, ""), "")
    root = Path(told).resolve() if told else here
    return str(root if here.is_relative_to(root) else here)


def refuse_output(output: str, names: Sequence[str]) -> None:
    """Raise UsageError where the report cannot be written, or would take the place of a spec that is checked."""
    target = Path(output)
    check_target(target)
    for name in names:
        if target.exists() and Path(name).exists() and target.samefile(name):
            raise UsageError(f"`{output}` is a spec that is checked, and no place for the report")
