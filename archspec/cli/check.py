"""`archspec check`: hold specs against the language, the ops' shape rules and, where there is one, their training."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from archspec.cli.budgets import add_budget, budget, refuse_unknown
from archspec.cli.findings import Findings, add_findings
from archspec.cli.jobs import add_jobs, outcomes, processes
from archspec.cli.output import Styles, UsageError, add_color, write_error
from archspec.cli.publish import TEXT, add_format, publish, refuse_output
from archspec.cli.specs import STDIN, STDIN_FILE, add_set, cannot_read, expand, load, overrides

if TYPE_CHECKING:
    from archspec.cost.budget import Budget
    from archspec.diagnostics.model import Diagnostic
    from archspec.diagnostics.outcome import Model, Outcome
    from archspec.diagnostics.select import Selection
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
    parser.add_argument(
        "--specs-only",
        action="store_true",
        help="pass over files without an `archspec:` key, as is done in directories",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing of specs that are clean")
    add_jobs(parser)
    add_format(parser)
    add_color(parser)
    add_findings(parser)
    fixes = parser.add_argument_group("repairs")
    fixes.add_argument("--fix", action="store_true", help="make the safe repairs, comments and layout as they are")
    fixes.add_argument("--diff", action="store_true", help="show what --fix would change, and change nothing")
    fixes.add_argument("--unsafe-fixes", action="store_true", help="with these: likely repairs too")
    add_budget(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    params = overrides(args.set)
    limits = budget(args)
    findings = Findings.of(args)
    refuse_repairs(args)
    names: Iterable[str] = expand(args.specs, specs_only=args.specs_only)
    if args.diff:
        from archspec.cli.repair import show_diffs

        return show_diffs(names, params, findings, unsafe=args.unsafe_fixes)
    if args.output is not None:
        names = list(names)
        refuse_output(args.output, names)
    done: list[Outcome] = []
    for outcome in checked(names, params, findings, limits, args):
        done.append(outcome)
        if not outcome.checked:
            write_error("AS107", outcome.diagnostics[0].message)
        elif args.format == TEXT and args.output is None:
            say(outcome, args)
    refuse_unknown(args.at, done)
    publish(done, args)
    findings.finish(args.quiet)
    if args.output is not None:  # the file comes first: standard output may be a pipe that nobody reads any more
        for outcome in done:
            say(outcome, args)
    if args.format == TEXT or args.output is not None:
        say_sum(done, args)
    return exit_code(done, args.strict)


def checked(
    names: Iterable[str], params: dict[str, Any], findings: Findings, limits: Budget | None, args: argparse.Namespace
) -> Iterator[Outcome]:
    """The outcome of each spec, in order, as soon as it is known. Raises UsageError at the name that cannot be."""
    if args.fix:
        for name in names:
            yield check_one(name, params, findings.selection, limits, findings, unsafe=args.unsafe_fixes)
        return
    wrong: UsageError | None = None
    known: list[str] = []
    try:
        known.extend(names)
    except UsageError as error:  # what comes before it is checked
        wrong = error
    jobs = processes(args.jobs, len(known))
    several = outcomes(known, params, findings.selection, limits, jobs) if jobs > 1 else None
    for outcome in several or (check_one(name, params, findings.selection, limits) for name in known):
        yield outcome._replace(diagnostics=tuple(findings.kept(outcome))) if outcome.checked else outcome
    if wrong is not None:
        raise wrong


def refuse_repairs(args: argparse.Namespace) -> None:
    """Raise UsageError for options of repairs that do not go together with the others."""
    if args.unsafe_fixes and not (args.fix or args.diff):
        raise UsageError("--unsafe-fixes says which repairs are made", "help: give it with --fix or --diff")
    if args.diff and (args.output is not None or args.format != TEXT):
        raise UsageError("--diff prints a diff and no report", "help: leave --format and --output out")
    if args.fix and STDIN in args.specs and args.format != TEXT and args.output is None:
        raise UsageError("standard output has the repaired text", "help: write the report with --output FILE")


def say(outcome: Outcome, args: argparse.Namespace) -> None:
    """The text for people about one spec."""
    from archspec.diagnostics.formats.text import one

    # Of a spec from standard input that is repaired, standard output has the text.
    stream = sys.stderr if args.fix and outcome.file == STDIN_FILE else sys.stdout
    if outcome.checked:
        stream.write(one(outcome, color=Styles.of(args.color, stream).on, quiet=args.quiet))


def say_sum(outcomes: list[Outcome], args: argparse.Namespace) -> None:
    """The text for people about several specs together."""
    from archspec.diagnostics.formats.text import repairable, summary

    if not args.fix:
        sys.stdout.write(repairable(outcomes))
    if len(outcomes) > 1 and not (args.quiet and not any(outcome.diagnostics for outcome in outcomes)):
        sys.stdout.write(summary(outcomes))


def exit_code(outcomes: list[Outcome], strict: bool) -> int:
    """2: a file could not be read; 1: there are findings."""
    if not all(outcome.checked for outcome in outcomes):
        return 2
    return int(any(outcome.errors or (strict and outcome.warnings) for outcome in outcomes))


def check_one(
    name: str,
    params: dict[str, Any],
    selection: Selection,
    limits: Budget | None = None,
    repairs: Findings | None = None,
    *,
    unsafe: bool = False,
) -> Outcome:
    """Check the spec of a name that `expand` gave, with all that is found.

    With `repairs` its files are repaired first, and only the findings that count are in the outcome. Raises UsageError
    where one of them cannot be written.
    """
    from archspec import pipeline
    from archspec.diagnostics.model import Diagnostic, Span
    from archspec.diagnostics.outcome import Outcome

    try:
        spec = load(name)
    except OSError as wrong:
        failure = Diagnostic("AS107", cannot_read(name, wrong), Span(name, 1, 1, 1, 1))
        return Outcome(name, (failure,), checked=False)
    if repairs is not None:
        from archspec.cli.repair import repair

        report = repair(spec, params, repairs, limits, unsafe=unsafe)
        return outcome_of(report, repairs.kept(report))
    report = pipeline.check(spec, params, selection, limits)
    return outcome_of(report, report.diagnostics)


def outcome_of(report: Report, found: list[Diagnostic]) -> Outcome:
    """A report as plain data; `found` are the diagnostics to show."""
    from archspec.diagnostics.outcome import Outcome

    return Outcome(report.spec.file, tuple(found), report.sources, model_of(report) if report.ok else None)


def model_of(report: Report) -> Model:
    from archspec.diagnostics.outcome import Model, Tensor

    def tensors(types: dict[str, Any]) -> tuple[Tensor, ...]:
        return tuple(
            Tensor(name, t.dtype, tuple(size if isinstance(size, int) else str(size) for size in t.shape))
            for name, t in types.items()
        )

    flops = report.flops
    return Model(
        report.name,
        report.parameters,
        flops if isinstance(flops, int) else report.counted.flops,
        None if flops is None else str(flops),
        tensors(report.inputs),
        tensors(report.outputs),
        tuple(report.requirements),
        dict(report.counted.sizes),
    )
