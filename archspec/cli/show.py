"""`archspec show`: the layers of a spec, their shapes, parameters and FLOPs; from the spec alone."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from archspec.cli.output import Styles, UsageError, add_color, number, write_diagnostics
from archspec.cli.specs import add_set, load_one, overrides
from archspec.dims import Dim, Size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archspec.cost.rows import Row
    from archspec.ops.tensor import TensorType
    from archspec.partition.stages import Stage
    from archspec.pipeline import Report

_FITS = 40  # rows: without --depth, blocks are opened as far as the table stays this short
_LONGEST = 44  # characters of a symbolic size; longer ones help nobody


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "show",
        help="show a spec's layers, shapes, parameters and FLOPs",
        description="Show the layers of a spec with their output shapes, parameters and FLOPs (a multiply-add is 2).",
    )
    parser.add_argument("spec", metavar="SPEC", help="a file, or - for standard input")
    parser.add_argument(
        "--input",
        metavar="NAME=SIZES",
        action="append",
        default=[],
        help="put in the sizes of an input (repeatable): --input image=2,3,224,224",
    )
    parser.add_argument("--depth", type=int, metavar="N", help="open blocks N levels deep (default: what fits)")
    add_set(parser)
    add_color(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from archspec import pipeline

    report = pipeline.check(load_one(args.spec), overrides(args.set), weights=None)
    write_diagnostics(report.diagnostics, report.sources, sys.stderr, args.color)
    if not report.ok:
        return 1
    if args.depth is not None and args.depth < 0:
        raise UsageError(f"--depth is 0 or more, got {args.depth}")
    sizes = known_sizes(report, args.input)
    print(text(report, sizes, args.depth, Styles.of(args.color, sys.stdout)))
    return 0


def known_sizes(report: Report, given: list[str]) -> dict[str, int]:
    """Values of symbols for `["image=2,3,224,224"]`. Raises UsageError where the model does not take those sizes."""
    from archspec.dims import symbol

    values: dict[str, int] = {}
    for entry in given:
        name, _, written = entry.partition("=")
        type_ = report.inputs.get(name)
        if type_ is None:
            raise UsageError(f"there is no input `{name}`", f"help: inputs are {', '.join(report.inputs)}")
        sizes = _integers(entry, written)
        if len(sizes) != type_.rank:
            raise UsageError(f"`{name}` is {type_}, with {type_.rank} dimensions; {len(sizes)} sizes are given")
        for size, value in zip(type_.shape, sizes, strict=True):
            if not report.constraints.equal(size, value):
                why = report.constraints.explain()
                notes = [f"why: {why}"] if why else []
                raise UsageError(f"`{name}` is {type_}: its {size} cannot be {value}", *notes)
            if isinstance(size, Dim) and size == symbol(str(size)):
                values[str(size)] = value
    return values


def _integers(entry: str, written: str) -> list[int]:
    try:
        sizes = [int(part) for part in written.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 0:
        raise UsageError(f"`--input {entry}` is not of the form NAME=2,3,224,224")
    return sizes


def text(report: Report, sizes: dict[str, int], depth: int | None, styles: Styles) -> str:
    rows = report.rows
    if depth is None:
        depth = deepest_that_fits(rows)
    shown = [row for row in rows if row.depth <= depth]
    table = [("layer", "kind", "output", "parameters", "FLOPs")]
    table += [_cells(row, sizes) for row in shown]
    table.append(("total", "", "", number(report.parameters), flops(report.flops, sizes)))
    widths = [max(len(line[column]) for line in table) for column in range(5)]
    head, *body, total = ["  ".join(_align(line, widths)).rstrip() for line in table]
    title = styles.bold(report.name)
    if report.elaboration is not None and report.elaboration.doc:
        title += f"  {report.elaboration.doc}"
    signature = f"{_types(report.inputs, sizes)} → {_types(report.outputs, sizes)}"
    lines = [title, signature, "", styles.dim(head), *body, styles.dim("─" * len(head)), styles.bold(total)]
    if report.trainable != report.parameters:
        lines += ["", f"{number(report.trainable)} of the parameters require a gradient"]
    if report.requirements:
        lines += ["", f"requires {', '.join(report.requirements)}"]
    if report.recipe is not None and report.recipe.stages:
        lines += ["", "pipeline stages, by the work of a sample:", *_stages(report.recipe.stages)]
    total_flops = 0 if report.flops is None else _put(report.flops, sizes)
    if isinstance(total_flops, Dim):
        missing = ", ".join(sorted(total_flops.symbols))
        lines += ["", f"FLOPs depend on {missing}: give sizes with {_example(report)}"]
    return "\n".join(lines)


def _stages(stages: Sequence[Stage]) -> list[str]:
    """A line for each stage of the pipeline: where it begins, and what it has of the work and the parameters."""
    total = sum(stage.flops for stage in stages) or 1
    begins = [stage.begins or "the inputs" for stage in stages]
    width = max(map(len, begins))
    return [
        f"  {place}  from {begin.ljust(width)}  {stage.flops / total:6.1%} of the FLOPs  "
        f"{number(stage.parameters)} parameters"
        for place, (begin, stage) in enumerate(zip(begins, stages, strict=True))
    ]


def deepest_that_fits(rows: list[Row]) -> int:
    depth = 0
    while any(r.depth > depth for r in rows) and sum(r.depth <= depth + 1 for r in rows) <= _FITS:
        depth += 1
    return depth


def _cells(row: Row, sizes: dict[str, int]) -> tuple[str, str, str, str, str]:
    path = "  " * row.depth + row.path + (f" ×{row.times}" if row.times > 1 else "")
    outputs = ", ".join(shape(type_, sizes) for type_ in row.outputs)
    kind = f"{row.kind} (shared)" if row.shared else row.kind if row.called else f"{row.kind} (not called)"
    parameters = number(row.parameters) if row.parameters else ""
    return path, kind, outputs, parameters, flops(row.flops, sizes) if row.flops != 0 else ""


def shape(type_: TensorType, sizes: dict[str, int]) -> str:
    return f"[{', '.join(short(_put(size, sizes)) for size in type_.shape)}]"


def flops(value: Size | None, sizes: dict[str, int]) -> str:
    return "…" if value is None else short(_put(value, sizes))


def short(size: Size) -> str:
    """A number with its thousands marked; a symbolic size, unless it is too long to read."""
    if isinstance(size, int):
        return number(size) if size >= 10_000 else str(size)
    written = str(size)
    return written if len(written) <= _LONGEST else "…"


def _put(size: Size, sizes: dict[str, int]) -> Size:
    return size.subs(sizes) if isinstance(size, Dim) and sizes else size


def _types(types: dict[str, TensorType], sizes: dict[str, int]) -> str:
    return ", ".join(f"{name}: {t.with_shape(_put(s, sizes) for s in t.shape)}" for name, t in types.items())


def _align(line: Iterable[str], widths: list[int]) -> list[str]:
    """Names to the left, numbers to the right."""
    return [
        cell.rjust(width) if column >= 3 else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]


def _example(report: Report) -> str:
    """`--input x=1,3,224,224`, with a plausible number for each symbol."""
    parts = []
    for name, type_ in report.inputs.items():
        numbers = [str(s) if isinstance(s, int) else "1" if i == 0 else "224" for i, s in enumerate(type_.shape)]
        parts.append(f"--input {name}={','.join(numbers)}")
    return " ".join(parts)
