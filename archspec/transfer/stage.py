"""The `weights:` stage of the pipeline: the section, and what the files' headers say, held against the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from archspec.diagnostics.model import Diagnostics, Span
from archspec.transfer.files import expand, headers, is_pickled
from archspec.transfer.header import WeightsFileError
from archspec.transfer.plan import make_plan
from archspec.transfer.report import Line, Status, TransferReport
from archspec.transfer.section import File, Section, read_section

if TYPE_CHECKING:
    from archspec.graph.ir import Elaboration
    from archspec.parameters.table import Table

GIVEN = "--weights"  # the pseudo file of paths on the command line, one a line
_MOST_NOTES = 8


class Weights(NamedTuple):
    """Checked weights to start from. `named`: the paths as they were given, none where the spec has rules only.

    `files`: those of tensors, in order; none where they were not looked for. `report`: what becomes of every tensor;
    None where only torch can tell (files of torch.save), or no file was looked at.
    """

    section: Section
    named: tuple[Path, ...]
    files: tuple[Path, ...]
    table: Table
    report: TransferReport | None


def check_weights(
    elaboration: Elaboration,
    table: Table,
    folder: Path,
    diagnostics: Diagnostics,
    given: Sequence[str] | None = (),
) -> Weights | None:
    """The weights of a spec; None where there are none, or the section or a file is in error (AS701, AS702, AS2xx).

    Weights that do not fit are an error too (AS703), and come with their report.

    `folder`: what the paths of the section start from. `given`: paths from the command line, instead of those of the
    section; None: no file is looked at, only the section.
    """
    node = elaboration.root.get("weights")
    span = Span(GIVEN, 1, 1, 1, 1)
    section: Section | None = Section(span)
    if node is not None:
        section = read_section(node, elaboration.env, table, diagnostics)
    if section is None or (node is None and not given):
        return None
    if given:
        spans = (Span(GIVEN, line, 1, line, max(2, len(path) + 1)) for line, path in enumerate(given, 1))
        section = section._replace(files=tuple(map(File, given, spans)))
        folder = Path()
    named = tuple(folder / file.path for file in section.files)
    if given is None:
        return Weights(section, named, (), table, None)
    files: list[Path] = []
    report: TransferReport | None = None
    at = section.span
    try:
        for file in section.files:
            at = file.span
            files += expand(folder / file.path)
        if files and not any(map(is_pickled, files)):
            report = make_plan(section, table, headers(files)).report
    except WeightsFileError as error:
        diagnostics.error("AS702", at, str(error), help=error.help)
        return None
    if report is not None and report.findings:
        _unfit(report, at, diagnostics)
    return Weights(section, named, tuple(files), table, report)


def _unfit(report: TransferReport, span: Span, diagnostics: Diagnostics) -> None:
    """One error for all that does not fit: it has one cause, or a few."""
    found = report.findings
    notes = [_note(line) for line in found[:_MOST_NOTES]]
    if len(found) > _MOST_NOTES:
        notes.append(f"and {len(found) - _MOST_NOTES:,} more: `archspec weights` lists them all")
    notes += report.idle[:_MOST_NOTES]
    diagnostics.error(
        "AS703", span, f"the weights do not fit the model: {report.summary()}", help=report.advice(), notes=notes
    )


def _note(line: Line) -> str:
    if line.status is Status.UNEXPECTED:
        called = f", {line.how}," if line.how else ""
        return f"`{line.name}` {list(line.file or ())} is in the file{called} and has no place in the model"
    if line.status is Status.MISSING:
        return f"`{line.name}` {list(line.model or ())} is not in the file" + (f": {line.how}" if line.how else "")
    if line.status is Status.WRONG_SHAPE:
        return f"`{line.name}` is {list(line.model or ())} here, and {list(line.file or ())} in the file"
    return f"`{line.name}`: {line.status.value}, {line.words}"
