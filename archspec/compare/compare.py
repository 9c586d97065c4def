"""Compares two checked specs."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.compare.model import Comparison, Side
from archspec.compare.nodes import Nodes
from archspec.compare.weights import compare_weights
from archspec.cost.at_sizes import FlopsAt, symbols
from archspec.cost.hold import BATCH
from archspec.pipeline import Report

_LONGEST = 200  # characters of a formula that anyone reads


def compare(a: Report, b: Report, sizes: Mapping[str, int] | None = None) -> Comparison:
    """What two reports without errors differ in; FLOPs at `sizes`, where these name all symbols of a model (B is 1)."""
    a.raise_for_errors()
    b.raise_for_errors()
    assert a.typed is not None
    assert b.typed is not None
    nodes = Nodes(a.costs, b.costs)
    changes = tuple(nodes.changes(a.typed, b.typed))
    return Comparison(_side(a, sizes or {}), _side(b, sizes or {}), changes, compare_weights(nodes, a.typed, b.typed))


def _side(report: Report, sizes: Mapping[str, int]) -> Side:
    assert report.typed is not None
    names = symbols(report.typed)
    known = {name: sizes.get(name, 1) for name in names if name in sizes or (name == BATCH and sizes)}
    flops: int | str | None
    if len(known) == len(names):
        flops = FlopsAt(known).of(report.typed)
    else:
        known = {}
        flops = None if report.flops is None else str(report.flops)
        if flops is not None and len(flops) > _LONGEST:
            flops = None
    return Side(
        report.spec.file,
        report.name,
        report.parameters,
        flops,
        known,
        tuple(names),
        {name: str(type_) for name, type_ in report.inputs.items()},
        {name: str(type_) for name, type_ in report.outputs.items()},
        tuple(report.requirements),
    )
