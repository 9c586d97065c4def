"""`archspec compile`: write the PyTorch source of a spec."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from archspec.cli.output import UsageError, add_color, write_diagnostics
from archspec.cli.specs import add_set, load_one, overrides
from archspec.cli.writing import check_target, write_output

_MARK = re.compile(r"^Made from .* by archspec\.$", re.MULTILINE)  # stands in the docstring of every emitted file
_FIRST = 4000  # characters


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "compile",
        help="write a spec's PyTorch source",
        description="Write the PyTorch source of a spec: plain torch, nothing of archspec in it.",
    )
    parser.add_argument("spec", metavar="SPEC", help="a file, or - for standard input")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write (default: standard output)")
    parser.add_argument(
        "-f", "--force", action="store_true", help="overwrite FILE even where archspec did not write it"
    )
    parser.add_argument(
        "-O",
        "--optimize",
        action="store_true",
        help="for evaluation alone: batch norms folded into convolutions, nothing idle, dead or computed twice "
        "(`archspec export --optimize` folds the weights)",
    )
    add_set(parser)
    add_color(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from archspec import pipeline
    from archspec.diagnostics.model import SpecError

    params = overrides(args.set)
    target = Path(args.output) if args.output and args.output != "-" else None
    if target is not None:
        refuse(target, force=args.force)
    try:
        if args.optimize:
            source, found = pipeline.emitted_optimized(pipeline.check(load_one(args.spec), params, weights=None))
            text = source.text
            print("\n".join(f"optimized: {line}" for line in found.words()), file=sys.stderr)
        else:
            text = pipeline.source(load_one(args.spec), params)
    except SpecError as bad:
        write_diagnostics(bad.diagnostics, bad.sources, sys.stderr, args.color)
        return 1
    if target is None:
        sys.stdout.write(text)
        return 0
    write_output(target, text)
    print(f"{target}: {text.count(chr(10))} lines", file=sys.stderr)
    return 0


def refuse(target: Path, *, force: bool) -> None:
    """Raise UsageError where writing would lose what a person wrote, or cannot work."""
    check_target(target)
    if force or not target.exists():
        return
    try:
        with target.open(encoding="utf-8") as file:
            ours = _MARK.search(file.read(_FIRST)) is not None
    except (OSError, UnicodeDecodeError):
        ours = False
    if not ours:
        raise UsageError(f"`{target}` was not written by archspec", "help: --force overwrites it")
