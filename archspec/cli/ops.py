"""`archspec ops`: the ops a spec may name, and what each takes."""

from __future__ import annotations

import argparse
import sys
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
    add_color(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from archspec.cli.declared import describe, listing

    styles = Styles.of(args.color, sys.stdout)
    if args.names:
        print("\n\n".join(describe(named(name), styles) for name in args.names))
    else:
        print(listing(styles))
    return 0


def named(name: str) -> type[Op]:
    """The op of this name, or of this name of PyTorch's (`nn.Conv2d`)."""
    from archspec.diagnostics.suggest import did_you_mean
    from archspec.ops import coverage
    from archspec.ops.registry import all_ops, find

    found = find(name) or next(map(find, coverage.of_this_name(name)), None)
    if found is None:
        meant = coverage.said(name) or coverage.refused(name) or did_you_mean(name, all_ops())
        raise UsageError(f"there is no op `{name}`", f"help: {meant or '`archspec ops` lists them'}")
    return found
