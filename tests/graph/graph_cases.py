"""Cases in files: a spec, and behind it, as comments, what is expected.

In `rejected` (and for warnings in `accepted`) each finding is a line ``#! CODE line:column message``, followed by lines
``#!   help: …`` and ``#!   see line:column text`` for its secondary spans. A message that ends in `…` is a beginning.
In `accepted` the lines ``#= …`` are the graph, as graph_words.py tells it. ``#! set path=value`` overrides a parameter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from archspec.diagnostics import suggest
from archspec.diagnostics.model import Diagnostic, Diagnostics
from archspec.graph.elaborate import elaborate
from archspec.graph.ir import Elaboration
from archspec.reading.nodes import Mapping
from archspec.reading.reader import read
from archspec.schema.document import validate

HERE = Path(__file__).parent


def cases(kind: str) -> list[Path]:
    found = sorted((HERE / kind).glob("*.yaml"))
    assert found
    return found


def run(text: str, overrides: dict[str, Any] | None = None) -> tuple[Elaboration | None, Diagnostics]:
    """A spec's text through the stages up to the graph."""
    suggest.begin()
    diagnostics = Diagnostics()
    root = read(text, "spec.yaml", diagnostics)
    if not isinstance(root, Mapping) or not validate(root, diagnostics):
        if root is not None and not isinstance(root, Mapping):
            validate(root, diagnostics)
        return None, diagnostics
    return elaborate(root, overrides or {}, diagnostics), diagnostics


def overrides(text: str) -> dict[str, Any]:
    given = [line[7:] for line in text.splitlines() if line.startswith("#! set ")]
    return {path: yaml.safe_load(value) for path, _, value in (each.partition("=") for each in given)}


def expected_findings(text: str) -> list[str]:
    return [line[3:] for line in text.splitlines() if line.startswith("#! ") and not line.startswith("#! set ")]


def expected_graph(text: str) -> list[str]:
    return [line[3:] for line in text.splitlines() if line.startswith("#= ")]


def lines_of(found: Diagnostic) -> list[str]:
    where = f"{found.span.line}:{found.span.col}"
    where = f"{found.span.file} {where}" if found.span.file != "spec.yaml" else where
    out = [f"{found.code} {where} {found.message}"]
    if found.help:
        out.append(f"  help: {found.help}")
    out += [f"  see {label.span.line}:{label.span.col} {label.text}" for label in found.secondary]
    return out


def agree(found: list[str], expected: list[str]) -> bool:
    """Line by line, a line that ends in `…` standing for any that begins so."""
    if len(found) != len(expected):
        return False
    pairs = zip(found, expected, strict=True)
    return all(a == b or (b.endswith("…") and a.startswith(b[:-1])) for a, b in pairs)
