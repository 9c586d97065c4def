"""Which findings of `check` count: the warnings that are selected, less those that a baseline knows."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.cli.output import UsageError, printable

if TYPE_CHECKING:
    from archspec.diagnostics.baseline import Baseline
    from archspec.diagnostics.model import Diagnostic
    from archspec.diagnostics.outcome import Outcome
    from archspec.diagnostics.select import Selection
    from archspec.pipeline import Report

BASELINE = "archspec-baseline.json"
_ALL = "ALL"


def add_findings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("warnings")
    group.add_argument(
        "--select", metavar="CODES", action="append", default=[],
        help="give these warnings only: codes or what they begin with, as AS401,AS41, or ALL",
    )  # fmt: skip
    group.add_argument(
        "--ignore", metavar="CODES", action="append", default=[], help="do not give these warnings"
    )  # fmt: skip
    group.add_argument(
        "--strict-names", action="store_true", help="insist on names: warn of items with weights that have none (AS410)"
    )
    group.add_argument("--strict", action="store_true", help="warnings count as findings too")
    group.add_argument("--baseline", metavar="FILE", help="do not give the warnings that this file knows")
    group.add_argument(
        "--write-baseline",
        action="store_true",
        help=f"write the warnings there are to --baseline (default: {BASELINE})",
    )


class Findings:
    """What the options say; `kept` is asked of each report, `finish` at the end."""

    def __init__(self, selection: Selection, baseline: Baseline | None, write: bool) -> None:
        self.selection = selection
        self.baseline = baseline
        self.write = write

    @classmethod
    def of(cls, args: argparse.Namespace) -> Findings:
        """Raises UsageError."""
        from archspec.diagnostics.select import DEFAULT, Selection

        selection = DEFAULT
        if args.select or args.ignore or args.strict_names:
            extend = ("AS410",) if args.strict_names else ()
            selection = Selection(_codes("--select", args.select), extend, _codes("--ignore", args.ignore))
        return cls(selection, _baseline(args.baseline, args.write_baseline), args.write_baseline)

    def kept(self, report: Report | Outcome) -> list[Diagnostic]:
        """The report's findings, without the warnings that the baseline knows (all, where it is being written)."""
        found = list(report.diagnostics)
        if self.baseline is None:
            return found
        new = self.baseline.new(found, report.sources, report.sources)
        return [d for d in found if d.is_error] if self.write else new

    def peek(self, report: Report) -> list[Diagnostic]:
        """As `kept`, of a report that is not the last one of its spec."""
        if self.baseline is None:
            return list(report.diagnostics)
        return self.baseline.copy().new(report.diagnostics, report.sources, ())

    def finish(self, quiet: bool) -> None:
        """Write the baseline, or say what it knows that is no longer there. Raises UsageError."""
        baseline = self.baseline
        if baseline is None:
            return
        if self.write:
            text = baseline.text()
            try:
                from archspec.cli.writing import write_text

                write_text(baseline.path, text)
            except OSError as wrong:
                raise UsageError(f"`{baseline.path}` cannot be written: {wrong.strerror or wrong}") from None
            if not quiet:
                print(f"{printable(str(baseline.path))}: written", file=sys.stderr)
        elif baseline.gone:
            what = "warning of the baseline is" if baseline.gone == 1 else "warnings of the baseline are"
            print(
                f"note: {baseline.gone} {what} no longer there: --write-baseline brings it up to date", file=sys.stderr
            )


def _baseline(given: str | None, write: bool) -> Baseline | None:
    if given is None and not write:
        return None
    from archspec.diagnostics.baseline import Baseline, BaselineError

    path = Path(given or BASELINE)
    try:
        return Baseline.read(path)
    except FileNotFoundError:
        if write:
            return Baseline(path)
        raise UsageError(f"there is no baseline `{path}`", "help: write it with --write-baseline") from None
    except OSError as wrong:
        raise UsageError(f"`{path}` cannot be read: {wrong.strerror or wrong}") from None
    except BaselineError as wrong:
        raise UsageError(f"`{path}` is no baseline: {wrong}", "help: write it with --write-baseline") from None


def _codes(option: str, given: list[str]) -> tuple[str, ...]:
    """The codes, or beginnings of codes, that an option names. Raises UsageError."""
    out = []
    for word in (part for text in given for part in text.replace(",", " ").split()):
        code = word.upper()
        if code == _ALL:
            out.append("")
            continue
        if code.isdecimal():
            code = f"AS{code}"
        _hold(option, word, code)
        out.append(code)
    return tuple(out)


def _hold(option: str, word: str, code: str) -> None:
    """Is that the code of a warning, or the beginning of one?"""
    from archspec.diagnostics.catalogue import catalogue
    from archspec.diagnostics.suggest import did_you_mean

    known = catalogue()
    meant: list[Any] = [entry for entry in known.values() if entry.code.startswith(code)]
    if not meant or code == "":
        help = did_you_mean(code, known) or "`archspec explain` lists them"
        raise UsageError(f"{option}: there is no code `{word}`", f"help: {help}")
    if not any(entry.warning for entry in meant):
        raise UsageError(
            f"{option}: {word} is an error, and errors are always given", "help: warnings are chosen, as AS401"
        )
