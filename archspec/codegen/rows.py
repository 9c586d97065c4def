"""The items of a class, those of the sequences written in place among them, with what each is in every instance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from archspec.codegen.plan import ClassPlan, Planner
from archspec.codegen.tree import MISSING
from archspec.codegen.written import value_at, written_arguments
from archspec.graph.ir import Node
from archspec.shapes.buffers import Computed
from archspec.shapes.typed import Typed


class Row(NamedTuple):
    """`done`: by instance, MISSING where it lacks the item."""

    node: Node
    done: tuple[Any, ...]

    @property
    def present(self) -> tuple[bool, ...] | None:
        """In which instances it is; None if in all."""
        return tuple(d is not MISSING for d in self.done) if MISSING in self.done else None

    def expressions(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Arguments that are written as an expression, and their values."""
        first = next(d for d in self.done if d is not MISSING)
        if first.node.repeated or first.node.buffer is not None:
            return
        for path, text in written_arguments(first.node):
            yield text, tuple(MISSING if d is MISSING else value_at(d.calls[0], path) for d in self.done)


def rows(plan: ClassPlan) -> Iterator[Row]:
    """The items of all instances side by side."""
    yield from _side_by_side(plan.instances, plan.planner)


def _side_by_side(graphs: list[Any], planner: Planner) -> Iterator[Row]:
    by_item: dict[Any, list[Any]] = {}
    for number, typed in enumerate(graphs):
        for done in typed.nodes if typed is not MISSING else ():
            row = by_item.setdefault(done.node.item, [MISSING] * len(graphs))
            if row[number] is MISSING:  # of turns that are read, the first
                row[number] = done
    for row in by_item.values():
        first = next(d for d in row if d is not MISSING)
        yield Row(first.node, tuple(row))
        inner = first.calls[0]
        if isinstance(inner, Computed):
            yield from _side_by_side([MISSING if d is MISSING else d.calls[0].typed for d in row], planner)
            continue
        in_place = isinstance(inner, Typed) and inner.graph.kind != "block" and planner.plan_of(inner) is None
        if in_place and not first.node.repeated:
            yield from _side_by_side([MISSING if d is MISSING else d.calls[0] for d in row], planner)
