"""Specs in files, and the two that judge them: the stages, and the JSON Schema."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from archspec.diagnostics.model import Diagnostics
from archspec.graph.elaborate import elaborate
from archspec.reading.nodes import Mapping
from archspec.reading.reader import read
from archspec.schema.build import build
from archspec.schema.document import validate

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


@cache
def validator() -> Draft7Validator:
    schema = build()
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def plain(text: str) -> Any:
    """The data of a spec."""
    root = read(text, "spec.yaml", Diagnostics())
    assert root is not None, text
    return root.data()


def by_schema(text: str) -> list[str]:
    """What the JSON Schema says against a spec."""
    return [f"{list(error.absolute_path)}: {error.message[:200]}" for error in validator().iter_errors(plain(text))]


def by_stages(text: str) -> list[str]:
    """What the schema and graph stages say against it."""
    diagnostics = Diagnostics()
    root: Any = read(text, "spec.yaml", diagnostics)
    if validate(root, diagnostics) and isinstance(root, Mapping):
        elaborate(root, {}, diagnostics)
    return [f"{d.code} {d.span.line}:{d.span.col} {d.message}" for d in diagnostics if d.is_error]
