"""Every spec of docs/patterns.md is clean, compiles and runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import archspec
from archspec.dims import Dim
from archspec.ops.tensor import TensorType

TEXT = (Path(__file__).parents[1] / "docs/patterns.md").read_text(encoding="utf-8")
SPECS = re.findall(r"```yaml\n(archspec: 1\n.*?)```", TEXT, flags=re.DOTALL)


def name_of(text: str) -> str:
    found = re.search(r"^name: (\w+)$", text, flags=re.MULTILINE)
    assert found is not None
    return found[1]


def test_there_are_patterns() -> None:
    assert len(SPECS) == TEXT.count("```yaml") > 10
    assert len({name_of(text) for text in SPECS}) == len(SPECS)


@pytest.mark.parametrize("text", SPECS, ids=name_of)
def test_pattern(text: str) -> None:
    report = archspec.check(text)
    assert not report.diagnostics, [d.message for d in report.diagnostics]
    module = archspec.compile(text).eval()
    sizes = {"B": 2, "S": 7, "T": 5, "H": 11, "W": 14}

    def shape(kind: TensorType) -> list[int]:
        return [size.evaluate(sizes) if isinstance(size, Dim) else size for size in kind.shape]

    def given(kind: TensorType) -> torch.Tensor:
        return torch.randint(1, 10, shape(kind)) if kind.dtype == "int64" else torch.randn(shape(kind))

    with torch.no_grad():
        got = module(*map(given, report.inputs.values()))
    results = got if isinstance(got, dict) else {next(iter(report.outputs)): got}
    for name, kind in report.outputs.items():
        assert list(results[name].shape) == shape(kind)
        assert results[name].isfinite().all()
