"""`check --fix`: the repairs that findings carry, made in the files that they are in.

A repair is kept if the spec is no worse with it: every file of it can still be read, what it repairs is gone, and a
spec without errors has none. Nothing is written before all is decided; then files are replaced as a whole.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec import pipeline
from archspec.cli.output import UsageError, printable, write_error
from archspec.cli.specs import STDIN_FILE, cannot_read, load
from archspec.cli.writing import difference, writable, write_all
from archspec.diagnostics.edits import applied, together
from archspec.diagnostics.model import Diagnostic, Fix
from archspec.reading.text import MAX_BYTES

if TYPE_CHECKING:
    from archspec.cli.findings import Findings
    from archspec.cost.budget import Budget
    from archspec.pipeline import Report, Spec

ROUNDS = 10  # a repair may bring another fault to light
MOST_CHECKS = 32  # of one spec with repairs that are tried
_FEW = 8  # repairs that are tried one by one where they do not go together

Checked = Callable[["Spec"], "Report"]
Kept = Callable[["Report"], list[Diagnostic]]


class Repaired:
    """A spec with its repairs. `report`: of the spec as it is then; `count`: how many repairs were made.

    `before`, `after`: texts of the files that change, by the name that the report gives them; `paths`: where they are.
    """

    def __init__(self, spec: Spec, report: Report) -> None:
        self.spec = spec
        self.report = report
        self.count = 0
        self.checks = 0
        self.before: dict[str, str] = {}
        self.after: dict[str, str] = {}
        self.paths: dict[str, Path] = {}

    def diff(self) -> str:
        """What changes, as a unified diff."""
        return "".join(difference(file, self.before[file], text) for file, text in self.after.items())

    def write(self) -> None:
        """Replace the files. Raises UsageError: then none of them has changed."""
        for file, path in self.paths.items():
            wrong = writable(path)
            if wrong is None and path.read_bytes() != _bytes(self.before[file]):
                wrong = "it has changed since it was read"
            if wrong is not None:
                raise UsageError(f"`{file}` cannot be repaired: {wrong}", "note: nothing was changed")
        try:
            write_all({self.paths[file]: text for file, text in self.after.items()})
        except OSError as wrong:
            raise UsageError(f"{', '.join(self.after)} cannot be written: {wrong.strerror or wrong}") from None


def repair(spec: Spec, params: dict[str, Any], findings: Findings, limits: Budget | None, *, unsafe: bool) -> Report:
    """Repair a spec and the files that it names, say what was done, and give the report of what it is now.

    Of a spec from standard input the repaired text goes to standard output. Raises UsageError where a file cannot be
    written.
    """
    check = partial(pipeline.check, params=params, selection=findings.selection, budget=limits)
    out = repaired(spec, check, findings.peek, unsafe=unsafe)
    if spec.file == STDIN_FILE:
        sys.stdout.write(out.report.sources[STDIN_FILE])
    elif out.count:
        out.write()
    _tell(out, "repaired")
    return out.report


def show_diffs(names: Iterable[str], params: dict[str, Any], findings: Findings, *, unsafe: bool) -> int:
    """Print what `repair` would change in these specs; the exit code is 1 if there is something."""
    check = partial(pipeline.check, params=params, selection=findings.selection)
    code = 0
    shown: set[str] = set()
    for name in names:
        try:
            spec = load(name)
        except OSError as wrong:
            write_error("AS107", cannot_read(name, wrong))
            code = 2
            continue
        out = repaired(spec, check, findings.peek, unsafe=unsafe)
        diff = out.diff()
        if diff not in shown:  # a file that several specs are made of
            shown.add(diff)
            sys.stdout.write(diff)
        _tell(out, "would repair")
        code = max(code, int(out.count > 0))
    return code


def _tell(out: Repaired, verb: str) -> None:
    if out.count:
        files = ", ".join(printable(file) for file in out.after)
        print(f"{files}: {verb} {out.count} finding{'s' * (out.count != 1)}", file=sys.stderr)


def repaired(spec: Spec, check: Checked, kept: Kept, *, unsafe: bool) -> Repaired:
    """The spec with the repairs of the findings that `kept` gives made, in memory, until there are no more."""
    out = Repaired(spec, check(spec))
    for _ in range(ROUNDS):
        fixes = [d.fix for d in kept(out.report) if d.fix is not None and (unsafe or d.fix.safe)]
        if not fixes or not _round(out, fixes, check):
            break
    return out


def _round(out: Repaired, fixes: list[Fix], check: Checked) -> bool:
    """Make as many of the fixes as fit together; where the spec is worse for it, those of a half, or one by one."""
    if _try(out, fixes, check):
        return True
    fixes = list(dict.fromkeys(fixes))
    if len(fixes) > _FEW:
        middle = len(fixes) // 2
        return _round(out, fixes[:middle], check) or _round(out, fixes[middle:], check)
    found = [_try(out, [fix], check) for fix in fixes] if len(fixes) > 1 else []
    return any(found)


def _try(out: Repaired, fixes: list[Fix], check: Checked) -> bool:
    report = out.report
    changes, taken = together(fixes, report.sources)
    changes = {file: own for file, own in changes.items() if file in report.folders}
    if not taken or not changes:
        return False
    texts = {file: applied(report.sources[file], own) for file, own in changes.items()}
    if any(text == report.sources[file] or len(text.encode()) > MAX_BYTES for file, text in texts.items()):
        return False
    paths = {file: report.folders[file] / Path(file).name for file in texts}
    held = {os.path.realpath(paths[file]): _bytes(text) for file, text in texts.items()}
    own = texts.pop(out.spec.file, None)
    again = out.spec._replace(texts={**out.spec.texts, **held})
    if own is not None:
        again = again._replace(text=_bytes(own))
        texts[out.spec.file] = own
    if out.checks == MOST_CHECKS:
        return False
    out.checks += 1
    after = check(again)
    if not _better(report, after, taken):
        return False
    for file, text in texts.items():
        out.before.setdefault(file, report.sources[file])
        out.after[file] = text
        out.paths[file] = paths[file]
    out.spec, out.report = again, after
    out.count += len(taken)
    return True


def _better(before: Report, after: Report, taken: list[Fix]) -> bool:
    if before.ok and not after.ok:
        return False
    if _unreadable(after.diagnostics) > _unreadable(before.diagnostics):
        return False
    repaired = set(taken)
    made = [d for d in before.diagnostics if d.fix in repaired]
    for d in made:  # where reading ended with it, reading now goes on beyond its place
        for left in after.diagnostics if _ends_reading(d) else ():
            if _ends_reading(left) and left.span.file == d.span.file and left.span[1:3] < d.span[3:5]:
                return False
    # What was repaired is found less often than before.
    there, again = (Counter((d.code, d.message) for d in report.diagnostics) for report in (before, after))
    return all(_ends_reading(d) or again[d.code, d.message] < there[d.code, d.message] for d in made)


def _unreadable(found: Iterable[Diagnostic]) -> int:
    return sum(_ends_reading(d) for d in found)


def _ends_reading(d: Diagnostic) -> bool:
    return d.code.startswith("AS1")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
