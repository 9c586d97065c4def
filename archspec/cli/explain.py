"""`archspec explain`: what a diagnostic code means, a spec that gives it, what is printed, and the repair."""

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
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="how it is written (default: %(default)s)"
    )
    add_color(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from archspec.cli.pages import as_data, as_text, page
    from archspec.diagnostics.catalogue import catalogue, find

    found = []
    for code in args.codes:
        entry = find(code)
        if entry is None:
            raise UsageError(f"there is no code `{code}`", f"help: {_meant(code)}")
        found.append(entry)
    if args.format == "json":
        import json

        listed = [as_data(page(entry)) for entry in found or catalogue().values()]
        print(json.dumps(listed, indent=2, ensure_ascii=False))
    elif found:
        print("\n".join(as_text(page(entry)) for entry in found), end="")
    else:
        wide = max(len(entry.severity) for entry in catalogue().values())
        print("\n".join(f"{e.code}  {e.severity.ljust(wide)}  {e.title}" for e in catalogue().values()))
    return 0


def _meant(code: str) -> str:
    """The code that was probably meant: one of the same digits, or else of that family."""
    from archspec.diagnostics.catalogue import catalogue, entries
    from archspec.diagnostics.suggest import did_you_mean

    digits = "".join(c for c in code if c.isascii() and c.isdecimal())
    known = catalogue()
    if f"AS{digits}" in known:
        return f"did you mean `AS{digits}`?"
    meant = did_you_mean(code.upper(), known)
    family = entries(digits[:1])
    if meant is None and family:
        meant = f"codes that begin so are {', '.join(family)}"
    return meant or "`archspec explain` lists them"
