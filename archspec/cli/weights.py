"""`archspec weights`: a file of weights held against a spec, a tensor at a time."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from archspec.cli.output import Styles, UsageError, add_color, printable, write_diagnostics, write_error
from archspec.cli.specs import add_set, load_one, overrides

if TYPE_CHECKING:
    from archspec.pipeline import Report
    from archspec.transfer.report import TransferReport


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "weights",
        help="hold a file of weights against a spec",
        description="Say of every tensor of a model and of a file of weights what becomes of it: loaded, missing, "
        "unexpected, of the wrong shape. The spec's `weights:` rules apply. Nothing is loaded, and the values are not "
        "looked at. Exit code 1 where something does not fit.",
    )
    parser.add_argument("spec", metavar="SPEC", help="a file, or - for standard input")
    parser.add_argument("files", metavar="FILE", nargs="*", help="weights (default: those that the spec names)")
    add_set(parser)
    parser.add_argument("-a", "--all", action="store_true", help="list what is loaded too")
    parser.add_argument("--json", action="store_true", help="write JSON: every tensor")
    add_color(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from archspec import pipeline

    checked = pipeline.check(load_one(args.spec), overrides(args.set), weights=args.files)
    weights = checked.weights
    unfit = weights is not None and weights.report is not None
    others = [d for d in checked.diagnostics if not (unfit and d.code == "AS703")]
    write_diagnostics(others, checked.sources, sys.stderr, args.color)
    if any(d.is_error for d in others):
        return 1
    if weights is None or not weights.files:
        raise UsageError(f"`{args.spec}` names no weights", "help: give them: archspec weights SPEC FILE")
    report = weights.report
    if report is None:
        report = from_torch(checked)
        if report is None:
            return 1
    if args.json:
        import json

        files = [str(path) for path in weights.files]
        print(json.dumps({"model": checked.name, "files": files, **report.to_json()}, indent=2))
    else:
        print("\n".join(text(checked, report, Styles.of(args.color, sys.stdout), everything=args.all)))
    return 1 if report.findings else 0


def from_torch(checked: Report) -> TransferReport | None:
    """The report on files that only torch can read; None where one cannot be read (reported)."""
    from archspec.model.transfer import Reader
    from archspec.transfer.header import WeightsFileError
    from archspec.transfer.plan import make_plan

    weights = checked.weights
    assert weights is not None
    try:
        reader = Reader(weights.files, weights.section.key)
    except WeightsFileError as wrong:
        write_error("AS702", str(wrong), [f"help: {wrong.help}"] if wrong.help else [])
        return None
    return make_plan(weights.section, weights.table, reader.stored, reader.notes).report


def text(checked: Report, report: TransferReport, styles: Styles, *, everything: bool) -> list[str]:
    assert checked.weights is not None
    files = checked.weights.files
    name = str(files[0]) if len(files) == 1 else f"{files[0]} … {files[-1].name} ({len(files)} files)"
    found = report.findings
    summary = styles.red(report.summary()) if found else styles.green(report.summary())
    lines = [f"{printable(name)} → {checked.name or checked.spec.file}: {summary}"]
    lines += [f"{how}: {count:,} tensors" for how, count in report.converted.items()]
    lines += [printable(note) for note in (*report.notes, *report.idle)]
    rows = [printable(row) for row in report.table(everything=everything)]
    lines += ["", *rows] if rows else []
    advice = report.advice()
    if advice is not None:
        lines += ["", f"help: {advice}"]
    return lines
