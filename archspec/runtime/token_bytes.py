"""What a token of a text stands for, where a metric counts by the byte."""

from __future__ import annotations

from archspec.data.split import Split, TextSplit
from archspec.data.text import codec, text_bytes
from archspec.recipe.model import DataFacts, MetricTerm, Recipe
from archspec.recipe.text_kind import Text


def per_byte(recipe: Recipe, facts: DataFacts, split: Split) -> tuple[MetricTerm, ...]:
    """The metrics of a recipe, with the bytes of a token of this part of the text in those that need it."""
    if not any(term.metric.of_text for term in recipe.metrics):
        return recipe.metrics
    kind = recipe.data.kind
    assert isinstance(kind, Text) and isinstance(split, TextSplit)
    mean = text_bytes(codec(kind, facts, recipe.data.base), split.row) / len(split.row)
    return tuple(term._replace(bytes_per_token=mean) if term.metric.of_text else term for term in recipe.metrics)
