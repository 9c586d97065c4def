"""`archspec fmt`: bring specs into the one layout, comments kept."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from archspec.cli.output import Styles, UsageError, add_color, printable, write_diagnostics, write_error
from archspec.cli.specs import STDIN, STDIN_FILE, cannot_read, contents, expand
from archspec.cli.writing import difference, write_text


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "fmt",
        help="format specs in place, comments kept",
        description="Bring specs into the one layout. The data and all comments stay; a file that does not read as "
        "YAML is left as it is. - formats standard input to standard output.",
        epilog="Exit codes: 0 done, or nothing to do; 1 a spec does not read as YAML, or --check or --diff found "
        "one to format; 2 the tool or its use failed.",
    )
    parser.add_argument(
        "specs", metavar="SPEC", nargs="+", help="a file, a directory, a pattern, or - for standard input"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; say what would be formatted")
    parser.add_argument("--diff", action="store_true", help="write nothing; show what would change")
    parser.add_argument("--specs-only", action="store_true", help="pass over files without an `archspec:` key")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing of files that are formatted")
    add_color(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    code = changed = same = 0
    for name in expand(args.specs, specs_only=args.specs_only):
        outcome = one(name, args)
        code = max(code, outcome if outcome is not None else 0)
        changed += outcome is None
        same += outcome == 0
    if not args.quiet and args.specs != [STDIN]:
        print(summary(changed, same, would=args.check or args.diff), file=sys.stderr)
    return max(code, 1) if changed and (args.check or args.diff) else code


def one(name: str, args: argparse.Namespace) -> int | None:
    """Format one file; None where it changes, else the exit code it stands for."""
    from archspec.diagnostics.model import SpecError
    from archspec.formatting.format import format_text

    file = STDIN_FILE if name == STDIN else name
    try:
        before = contents(name)
    except OSError as wrong:
        write_error("AS107", cannot_read(name, wrong))
        return 2
    try:
        after = format_text(before, file)
    except SpecError as bad:
        write_diagnostics(bad.diagnostics, bad.sources, sys.stderr, args.color)
        return 1
    changes = after.encode() != before
    if args.diff:
        sys.stdout.write(
            coloured(difference(printable(file), before.decode(), after), Styles.of(args.color, sys.stdout))
        )
    elif name == STDIN and not args.check:
        sys.stdout.flush()
        sys.stdout.buffer.write(after.encode())
        return 0
    elif changes:
        if not args.check:
            replace(name, after)
        if not args.quiet:
            print(f"{printable(file)}: {'would be ' if args.check else ''}formatted")
    return None if changes else 0


def replace(name: str, text: str) -> None:
    try:
        write_text(Path(name), text)
    except OSError as wrong:
        raise UsageError(f"`{name}` cannot be written: {wrong.strerror or wrong}") from None


def coloured(diff: str, styles: Styles) -> str:
    if not styles.on:
        return diff
    paint = {"-": styles.red, "+": styles.green}
    lines = diff.splitlines(keepends=True)
    return "".join(paint.get(line[:1], str)(line.rstrip("\n")) + line[len(line.rstrip("\n")) :] for line in lines)


def summary(changed: int, same: int, *, would: bool) -> str:
    """`3 specs formatted, 12 left as they are`"""
    specs = f"{changed} spec{'' if changed == 1 else 's'}"
    left = f"{same} {'is' if same == 1 else 'are'} as {'it' if same == 1 else 'they'} should be"
    return f"{specs} {'would be ' if would else ''}formatted, {left}"
