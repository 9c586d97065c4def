"""`archspec diff`: what two specs, or two revisions of one, differ in as models."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.cli.budgets import add_at, sizes
from archspec.cli.output import Styles, UsageError, add_color, printable, write_diagnostics
from archspec.cli.specs import STDIN, add_set, load_one, overrides
from archspec.cli.writing import check_target, write_output

if TYPE_CHECKING:
    from archspec.compare.model import Comparison
    from archspec.pipeline import Report, Spec

FORMATS = ("text", "markdown", "json")


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "diff",
        help="compare two specs as models: layers, shapes, costs, weights that still load",
        description="Compare two specs as models: steps added, removed, changed and moved, parameters and FLOPs, and "
        "which weights of the first one the second one still loads.",
        epilog="Exit codes: 0 the same model, 1 they differ, 2 one cannot be compared.",
    )
    parser.add_argument(
        "specs", metavar="SPEC", nargs="+",
        help="two specs, each a file, REVISION:FILE as git writes it, or - for standard input; one with --git",
    )  # fmt: skip
    parser.add_argument(
        "--git", metavar="REVISION", help="compare the one SPEC with what it is in this revision (as main, HEAD~3)"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="how it is written (default: %(default)s)")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE, in one step, and not to standard output")
    parser.add_argument("--all", action="store_true", help="show all steps, also those whose shape alone is another")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing: the exit code says it")
    add_at(parser)
    add_set(parser)
    add_color(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    target = Path(args.output) if args.output is not None else None
    if target is not None:
        check_target(target)
    at, params = sizes(args.at), overrides(args.set)
    reports = [_check(spec, params, args.color) for spec in _specs(args)]
    if not all(report.ok for report in reports):
        return 2

    from archspec.compare.compare import compare

    found = compare(reports[0], reports[1], at)
    if target is not None:
        write_output(target, _text(found, args, color=False))
    elif not args.quiet:
        sys.stdout.write(_text(found, args, color=Styles.of(args.color, sys.stdout).on))
    return 0 if found.same else 1


def _text(found: Comparison, args: argparse.Namespace, *, color: bool) -> str:
    if args.format == "json":
        from archspec import __version__
        from archspec.compare.formats import json

        return json.text(found, version=__version__)
    if args.format == "markdown":
        from archspec.compare.formats.markdown import markdown

        return markdown(found, every=args.all)
    from archspec.compare.formats.text import text

    return text(found, color=color, every=args.all)


def _specs(args: argparse.Namespace) -> list[Spec]:
    """The two specs. Raises UsageError."""
    names: list[str] = args.specs
    if args.git is not None:
        if len(names) != 1:
            raise UsageError(f"--git takes one spec, {len(names)} are named", "help: archspec diff --git main net.yaml")
        return [_of_revision(args.git, names[0], tracked=True), load_one(names[0])]
    if len(names) != 2:
        help = "help: `archspec diff --git REVISION SPEC` compares one with what it was"
        raise UsageError(f"diff takes two specs, {len(names)} {'is' if len(names) == 1 else 'are'} named", help)
    if names == [STDIN, STDIN]:
        raise UsageError("standard input can be one of the two only")
    return [_named(name) for name in names]


def _named(name: str) -> Spec:
    revision, colon, path = name.partition(":")
    if colon and name != STDIN and not Path(name).exists():
        return _of_revision(revision, path, tracked=False)
    return load_one(name)


def _of_revision(name: str, path: str, *, tracked: bool) -> Spec:
    """A spec of a git revision; `tracked`: the path is one of the working directory. Raises UsageError."""
    from archspec.pipeline import Spec
    from archspec.reading.revision import Revision, RevisionError

    try:
        if tracked:
            revision = Revision.find(name, Path(path).parent)
            path = revision.tracked(Path(path))
        else:
            revision = Revision.find(name, Path())
            path = revision.path_of(path)
        return Spec(revision.content(path), f"{name}:{path}", Path(path).parent, files=revision)
    except RevisionError as wrong:
        deepen = ["help: `git fetch --unshallow` brings it; in CI, `fetch-depth: 0` of actions/checkout"]
        raise UsageError(str(wrong), *(deepen if wrong.shallow else [])) from None
    except OSError as wrong:
        help = [] if tracked or path.startswith(".") else [f"help: from the working directory it is {name}:./{path}"]
        raise UsageError(f"`{name}:{path}` cannot be read: {wrong.strerror}", *help, code="AS107") from None


def _check(spec: Spec, params: dict[str, Any], color: str) -> Report:
    """The architecture of a spec; what is wrong with it is told on standard error."""
    from archspec import pipeline

    report = pipeline.check(spec, params, architecture_only=True)
    if not report.ok:
        errors = [d for d in report.diagnostics if d.is_error]
        write_diagnostics(errors, report.sources, sys.stderr, color)
        print(f"note: {printable(spec.file)} has errors, so there is nothing to compare", file=sys.stderr)
    return report
