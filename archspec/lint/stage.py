"""The last stage: warnings about a spec that is a model, though maybe not the one that was meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archspec.diagnostics.model import Diagnostics
from archspec.diagnostics.select import Selection
from archspec.dims import Facts
from archspec.lint import architecture, words
from archspec.reading.nodes import Node
from archspec.shapes.typed import Typed

if TYPE_CHECKING:
    from archspec.recipe.model import Recipe


def lint(
    root: Node,
    typed: Typed,
    facts: Facts,
    recipe: Recipe | None,
    sources: Mapping[str, str],
    selection: Selection,
    found: Diagnostics,
) -> None:
    """Warn of a spec without errors. `root` is the tree of its own file; `sources` are the texts of all its files."""
    words.warn(root, sources.get(root.span.file, ""), found)
    architecture.warn(typed, facts, found)
    if recipe is not None:
        from archspec.lint import training

        training.warn(typed.graph, recipe, found)
    if selection.wants("AS410"):
        from archspec.lint import names

        names.warn(typed, sources, found)
