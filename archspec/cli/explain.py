"""`archspec explain`: what a diagnostic code means, a spec that gives it, and the repair."""

from __future__ import annotations

import argparse
from typing import Any

from archspec.cli.output import UsageError, add_color


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "explain",
        help="explain a diagnostic code, or list all",
        description="Say what a diagnostic code means, with an example and its repair; without codes, list all.",
    )
    parser.add_argument("codes", metavar="CODE", nargs="*", help="AS302, as302 or 302")
    add_color(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from archspec.diagnostics.catalogue import catalogue, explain
    from archspec.diagnostics.suggest import did_you_mean

    if not args.codes:
        print("\n".join(f"{entry.code}  {entry.title}" for entry in catalogue().values()))
        return 0
    pages = []
    for code in args.codes:
        page = explain(code)
        if page is None:
            meant = did_you_mean(code.upper(), catalogue())
            raise UsageError(f"there is no code `{code}`", f"help: {meant or '`archspec explain` lists them'}")
        pages.append(page)
    print("\n".join(pages), end="")
    return 0
