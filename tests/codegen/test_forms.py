"""What the language can say, form by form: the emitted module against the oracle, and the text it is written as."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from holding import hold

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
