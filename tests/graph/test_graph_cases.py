"""Specs that are refused, with what is said of them; and specs that are not, with the graph they become."""

from __future__ import annotations

from pathlib import Path

import pytest
from graph_cases import agree, cases, expected_findings, expected_graph, lines_of, overrides, run
from graph_words import describe


@pytest.mark.parametrize("path", cases("rejected"), ids=lambda path: path.stem)
def test_rejected(path: Path) -> None:
    text = path.read_text()
    _, diagnostics = run(text, overrides(text))
    found = [line for each in diagnostics for line in lines_of(each)]
    assert diagnostics.has_errors
    assert agree(found, expected_findings(text)), "\n".join(found)


@pytest.mark.parametrize("path", cases("accepted"), ids=lambda path: path.stem)
def test_accepted(path: Path) -> None:
    text = path.read_text()
    elaboration, diagnostics = run(text, overrides(text))
    found = [line for each in diagnostics for line in lines_of(each)]
    assert agree(found, expected_findings(text)), "\n".join(found)
    assert not diagnostics.has_errors
    assert elaboration is not None
    assert describe(elaboration.graph) == expected_graph(text)
