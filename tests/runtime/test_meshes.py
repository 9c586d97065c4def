"""Every mesh of docs/parallel.md against one process: its table is what is run here."""

from __future__ import annotations

import re
from itertools import chain, combinations, product
from pathlib import Path
from typing import Any

import pytest
import yaml
from runtime_process import ROOT
from trained_together import run, same, written

ROW = re.compile(r"^\| `(\{.*\})` \| (\d+) \|$", re.MULTILINE)
INNER = ("tensor", "context", "pipeline")


def meshes() -> list[tuple[dict[str, Any], int]]:
    """(`runtime.parallel`, number of processes) of each row."""
    text = (ROOT / "docs" / "parallel.md").read_text(encoding="utf-8")
    return [(yaml.safe_load(parallel), int(count)) for parallel, count in ROW.findall(text)]


def test_the_table_has_every_mesh_of_two_and_three_axes() -> None:
    found = {(frozenset(parallel.items()), count) for parallel, count in meshes()}
    inner = [set(axes) for axes in chain.from_iterable(combinations(INNER, n) for n in (1, 2, 3))]
    wanted = {frozenset((axis, 2) for axis in axes) for axes in inner if len(axes) > 1}
    for kind, axes in product(("ddp", "fsdp"), inner):
        if len(axes) < 3:
            wanted.add(frozenset({("data", kind), *((axis, 2) for axis in axes)}))
    assert found == {(mesh, 2 ** len(mesh)) for mesh in wanted}


@pytest.mark.slow
@pytest.mark.parametrize(("count", "part"), [(4, 0), (8, 0), (8, 1)])
def test_a_mesh_is_one_process(tmp_path: Path, count: int, part: int) -> None:
    written(tmp_path)
    (tmp_path / "text.txt").write_text("".join(f"{n} times {n} is {n * n}. " for n in range(16)))
    rows = [parallel for parallel, processes in meshes() if processes == count]
    rows = rows if count == 4 else rows[part::2]
    choices = {str(number): {"runtime.parallel": parallel} for number, parallel in enumerate(rows)}
    run(1, tmp_path / "spec.yaml", tmp_path, {"alone": {}})
    run(count, tmp_path / "spec.yaml", tmp_path, choices)
    for name in choices:
        same(tmp_path / name, tmp_path / "alone", 1e-9)
