"""What the language can say, form by form: the emitted module against the oracle, and the text it is written as."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from holding import hold

import archspec
from archspec.dims import Dim, Size

FORMS = sorted((Path(__file__).parent / "forms").glob("*.yaml"))
SIZES = {"B": 3, "T": 5, "S": 4, "H": 16, "W": 16}


@pytest.mark.parametrize("path", FORMS, ids=lambda p: p.stem)
def test_form(path: Path) -> None:
    text = hold(path, SIZES)
    assert text == path.with_suffix(".py.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FORMS, ids=lambda p: p.stem)
def test_formatter_finds_nothing_to_change(path: Path) -> None:
    ruff = shutil.which("ruff") or str(Path(sys.executable).with_name("ruff"))
    text = path.with_suffix(".py.txt").read_text(encoding="utf-8")
    for command in (["format", "--isolated", "-"], ["check", "--isolated", "--select", "E,F,W,I", "--fix-only", "-"]):
        done = subprocess.run([ruff, *command], input=text, capture_output=True, text=True, check=True)
        assert done.stdout == text


def test_repeats_are_loops_and_instances_one_class() -> None:
    source = hold(Path(__file__).parents[2] / "specs/vision/resnet50.yaml", {"B": 2, "H": 40, "W": 48})
    assert source.count("class ") == 2
    assert "def __init__(self, in_channels, channels, stride=1, project=False):" in source
    assert "*[Bottleneck(1024, channels=256) for _ in range(5)]," in source
    assert "import archspec" not in source


ACCEPTED = sorted((Path(__file__).parents[1] / "graph/accepted").glob("*.yaml"))


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda p: p.stem)
def test_what_the_graph_stage_accepts(path: Path) -> None:
    report = archspec.check(path)
    if report.ok:  # some need parameters to be given
        symbols = {name for given in report.inputs.values() for size in given.shape for name in _symbols(size)}
        hold(path, dict.fromkeys(symbols, 8))


def _symbols(size: Size) -> frozenset[str]:
    return size.symbols if isinstance(size, Dim) else frozenset()
