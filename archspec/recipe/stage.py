"""The `train:` stage of the pipeline: what the architecture has become, held against how it is to be trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from archspec.diagnostics.model import Diagnostics
from archspec.dims import Constraints, Facts
from archspec.graph.ir import Elaboration
from archspec.shapes.typed import UNKNOWN, Typed

if TYPE_CHECKING:
    from archspec.parameters.table import Table
    from archspec.recipe.model import DataFacts, Recipe


def check_training(
    elaboration: Elaboration,
    typed: Typed,
    constraints: Constraints,
    base: Path,
    diagnostics: Diagnostics,
    facts: DataFacts | None = None,
    table: Callable[[], Table] | None = None,
) -> Recipe | None:
    """The checked recipe; None where the spec has no `train:`, or it is in error. `facts`: see check_recipe.

    `table`: gives the model's parameters by name, where something asks for them.
    """
    train = elaboration.root.get("train")
    if train is None or diagnostics.has_errors or UNKNOWN in typed.outputs:
        return None
    from archspec.recipe.check import check_recipe

    graph = elaboration.graph
    inputs = {g.name: t for g, t in zip(graph.inputs, typed.inputs, strict=True)}
    outputs = {name: t for (name, _), t in zip(graph.outputs, typed.outputs, strict=True)}
    return check_recipe(
        train,
        elaboration.root.get("runtime"),
        inputs,
        outputs,
        elaboration.env,
        base,
        diagnostics,
        requirements=constraints.requirements,
        promises=Facts(elaboration.facts),
        embeddings=_embeddings(typed),
        input_spans={g.name: g.span for g in graph.inputs},
        facts=facts,
        model=None if table is None else lambda: (typed, table()),
    )


def _embeddings(typed: Typed) -> dict[str, int]:
    """{input: rows of the embedding that reads it}."""
    found: dict[str, int] = {}
    for done in typed.nodes:
        for callee, value in zip(done.calls, done.node.inputs, strict=False):
            rows = getattr(callee, "num_embeddings", None)
            if value is not None and value.node < 0 and isinstance(rows, int):
                name = typed.graph.inputs[value.output].name
                found[name] = min(rows, found.get(name, rows))
    return found
