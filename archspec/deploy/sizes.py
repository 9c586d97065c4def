"""Sizes to trace and to verify a model with: they meet what it requires of its symbols, and are not by chance equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product

from archspec.deploy.errors import ExportError
from archspec.dims import Dim
from archspec.pipeline import Report
from archspec.shapes.typed import Typed, TypedNode

Sizes = dict[str, int]
_TRIES = 50_000
_MEMBERS = 10
_LARGER = 16  # times the usual size there are more chunks than one


def symbols(report: Report) -> list[str]:
    """The symbols of the inputs, in order."""
    found: dict[str, None] = {}
    for type_ in report.inputs.values():
        for size in type_.shape:
            if isinstance(size, Dim):
                found.update(dict.fromkeys(sorted(size.symbols)))
    return list(found)


def examples(report: Report, fixed: Mapping[str, int]) -> list[Sizes]:
    """Two assignments that differ in every symbol that can, save the `fixed` ones; one where none can.

    They also differ in how many steps each `scan` has (of chunks, say), where they can: a tracer unrolls it.

    Sizes are neither 0 nor 1 where others are allowed: PyTorch's tracers take such sizes for constants. Raises
    ExportError where there are no sizes that the model takes.
    """
    names = symbols(report)
    for name in fixed:
        if name not in names:
            known = f"its symbols are {', '.join(names)}" if names else "all its sizes are numbers"
            raise ExportError(f"the model has no symbol `{name}`", known)
        if fixed[name] not in report.constraints.values(name):
            needs = ", ".join(report.requirements) or "what `symbols` promises"
            raise ExportError(f"`{name}` cannot be {fixed[name]}", f"the model needs {needs}")
    choices = {name: [fixed[name]] if name in fixed else _members(report, name) for name in names}
    first = next(_assignments(report, choices, None), None)
    if first is None:
        raise ExportError(
            "no sizes are found that meet all requirements of the model", "fix some of them: --size NAME=N"
        )
    second = next(_assignments(report, choices, first), None)
    steps = [done.steps for done in (scans(report.typed, fixed) if report.typed else ()) if isinstance(done.steps, Dim)]
    steps = [each for each in steps if each.symbols <= set(first)]
    if second is not None and any(each.evaluate(first) == each.evaluate(second) for each in steps):
        looped = {name for each in steps for name in each.symbols}
        larger = {name: _members(report, name, _LARGER) if name in looped else choices[name] for name in names}
        more = _assignments(report, {**larger, **{name: [size] for name, size in fixed.items()}}, first)
        second = next((s for s in more if all(e.evaluate(s) != e.evaluate(first) for e in steps)), second)
    return [first] if second is None else [first, second]


def scans(typed: Typed, fixed: Mapping[str, int]) -> Iterator[TypedNode]:
    """Loops of as many steps as a size that is free."""
    for done in typed.nodes:
        if done.node.scan is not None and isinstance(done.steps, Dim) and not done.steps.symbols <= set(fixed):
            yield done
    for inner, _ in typed.inner:
        yield from scans(inner, fixed)


def _members(report: Report, name: str, times: int = 1) -> list[int]:
    """Some of the values that a symbol may have, larger than would be degenerate, and so many times that."""
    values = report.constraints.values(name)
    floor = _floor(report, name) * times
    high = values.greatest
    found = list(islice((n for n in values if n >= floor), _MEMBERS))
    if not found and high is not None:
        found = [n for n in islice(values, floor) if n > 1][-_MEMBERS:] or list(islice(values, 1))
    return found


def _floor(report: Report, name: str) -> int:
    """Of a batch 2; of an image's sides some seventy, so that a network of 32-fold reduction keeps several places."""
    axes = [
        (axis, type_.rank)
        for type_ in report.inputs.values()
        for axis, size in enumerate(type_.shape)
        if isinstance(size, Dim) and name in size.symbols
    ]
    if all(axis == 0 for axis, _ in axes):
        return 2
    rank = max(rank for _, rank in axes)
    return 70 if rank == 4 else 18


def _assignments(report: Report, choices: dict[str, list[int]], other: Sizes | None) -> Iterator[Sizes]:
    """Values for all symbols that meet the requirements, those first that differ from one another and from `other`."""
    requirements = report.constraints.requirements
    kept: list[Sizes] = []
    for values in islice(product(*choices.values()), _TRIES):
        sizes = dict(zip(choices, values, strict=True))
        if sizes == other or not all(r.holds(sizes) for r in requirements if r.symbols <= sizes.keys()):
            continue
        free = [name for name in sizes if len(choices[name]) > 1]
        differs = other is None or all(sizes[name] != other[name] for name in free)
        if differs and len(set(values)) == len(values):
            yield sizes
        elif len(kept) < _MEMBERS:
            kept.append(sizes)
    yield from kept
