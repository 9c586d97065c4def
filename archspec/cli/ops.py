"""`archspec ops`: the ops a spec may name, and what each takes; also writes docs/ops.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.cli.output import Styles, UsageError, add_color

if TYPE_CHECKING:
    from archspec.ops.base import Op


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "ops",
        help="list the ops, or describe some",
        description="List the ops a spec may use, by family, or describe those named.",
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="ops to describe")
    parser.add_argument("--markdown", action="store_true", help="write the whole reference as Markdown")
    parser.add_argument("-o", "--output", metavar="FILE", help="with --markdown: write it there")
    parser.add_argument("--check", metavar="FILE", help="with --markdown: exit 1 unless FILE holds exactly that")
    add_color(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from archspec.cli import ops_text

    styles = Styles.of(args.color, sys.stdout)
    if not args.markdown and (args.output or args.check):
        raise UsageError(f"{'--output' if args.output else '--check'} needs --markdown")
    if args.markdown:
        return markdown(ops_text.reference(), args.output, args.check)
    if args.names:
        print("\n\n".join(ops_text.describe(named(name), styles) for name in args.names))
    else:
        print(ops_text.listing(styles))
    return 0


def named(name: str) -> type[Op]:
    from archspec.diagnostics.suggest import did_you_mean
    from archspec.ops.registry import all_ops, find

    found = find(name)
    if found is None:
        help = did_you_mean(name, all_ops())
        raise UsageError(f"there is no op `{name}`", f"help: {help}" if help else "help: `archspec ops` lists them")
    return found


def markdown(text: str, output: str | None, check: str | None) -> int:
    if check:
        try:
            same = Path(check).read_text(encoding="utf-8") == text
        except OSError as wrong:
            raise UsageError(f"`{check}` cannot be read: {wrong.strerror}") from None
        if not same:
            print(f"{check} is not what the declarations give; write it with `make docs`", file=sys.stderr)
        return 0 if same else 1
    if output:
        Path(output).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0
