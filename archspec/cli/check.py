"""`archspec check`: hold specs against the language, the ops' shape rules and, where there is one, their training."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from archspec.cli.findings import Findings, add_findings
from archspec.cli.output import Styles, add_color, number, printable, write_diagnostics, write_error
from archspec.cli.specs import add_set, cannot_read, expand, load, overrides

if TYPE_CHECKING:
    from archspec.pipeline import Report


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "check",
        help="check specs: every error, at its line",
        description="Check specs. Nothing is run, allocated or downloaded, and torch is not imported.",
    )
    parser.add_argument(
        "specs", metavar="SPEC", nargs="+", help="a file, a directory, a pattern, or - for standard input"
    )
    add_set(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing of specs that are clean")
    add_color(parser)
    add_findings(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from archspec import pipeline

    params = overrides(args.set)
    findings = Findings.of(args)
    styles = Styles.of(args.color, sys.stdout)
    code = errors = warnings = checked = 0
    for name in expand(args.specs):
        checked += 1
        try:
            spec = load(name)
        except OSError as wrong:
            write_error("AS107", cannot_read(name, wrong))
            errors, code = errors + 1, 2
            continue
        report = pipeline.check(spec, params, findings.selection)
        found = findings.kept(report)
        write_diagnostics(found, report.sources, sys.stdout, args.color)
        errors += sum(d.is_error for d in found)
        warnings += sum(not d.is_error for d in found)
        if not report.ok or (found and args.strict):
            code = max(code, 1)
        if report.ok and not args.quiet:
            print(clean(name, report, styles))
    findings.finish(args.quiet)
    if checked > 1 and (errors or warnings or not args.quiet):
        print(summary(checked, errors, warnings))
    return code


def clean(name: str, report: Report, styles: Styles) -> str:
    """`specs/resnet50.yaml: ok  25,557,032 parameters  x: float32[B, 3, H, W] → logits: float32[B, 1000]`"""
    parts = [f"{printable(name)}: {styles.green('ok')}", f"{number(report.parameters)} parameters", signature(report)]
    if report.requirements:
        parts.append(f"requires {', '.join(report.requirements)}")
    return "  ".join(parts)


def signature(report: Report) -> str:
    """`x: float32[B, 3, H, W] → logits: float32[B, 1000]`"""
    inputs = ", ".join(f"{name}: {type_}" for name, type_ in report.inputs.items())
    outputs = ", ".join(f"{name}: {type_}" for name, type_ in report.outputs.items())
    return f"{inputs} → {outputs}"


def summary(checked: int, errors: int, warnings: int) -> str:
    def count(n: int, what: str) -> str:
        return f"{n} {what}{'' if n == 1 else 's'}"

    return f"{count(checked, 'spec')} checked: {count(errors, 'error')}, {count(warnings, 'warning')}"
