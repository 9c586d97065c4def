"""Where `archspec compile` writes, and what it does not overwrite."""

from __future__ import annotations

import ast
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "specs" / "tutorial" / "tutorial_mlp.yaml"


def test_standard_output(archspec: Any) -> None:
    done = archspec("compile", SPEC)
    assert done.returncode == 0
    assert done.stderr == ""
    classes = [node.name for node in ast.parse(done.stdout).body if isinstance(node, ast.ClassDef)]
    assert classes == ["TutorialMlp"]
    assert archspec("compile", SPEC, "-o", "-").stdout == done.stdout


def test_a_file(archspec: Any, tmp_path: Path) -> None:
    done = archspec("compile", SPEC, "-o", "model.py")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "model.py").read_text() == archspec("compile", SPEC).stdout
    assert [p.name for p in tmp_path.iterdir()] == ["model.py"], "nothing staged is left behind"


def test_its_own_output_is_overwritten(archspec: Any, tmp_path: Path) -> None:
    target = tmp_path / "model.py"
    archspec("compile", SPEC, "-o", target)
    target.chmod(0o640)
    done = archspec("compile", SPEC, "-o", target, "--set", "classes=3")
    assert done.returncode == 0
    assert "nn.Linear(128, 3)" in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.parametrize("content", [b"import this  # archspec\n", b"", b"\xff\xfe\x00"])
def test_what_a_person_wrote_is_kept(archspec: Any, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "model.py"
    target.write_bytes(content)
    done = archspec("compile", SPEC, "-o", target)
    assert done.returncode == 2
    assert "was not written by archspec" in done.stderr
    assert target.read_bytes() == content
    assert archspec("compile", SPEC, "-o", target, "--force").returncode == 0
    assert b"class TutorialMlp" in target.read_bytes()


def test_a_bad_spec_leaves_the_file_alone(archspec: Any, spec: Callable[..., Path], tmp_path: Path) -> None:
    target = tmp_path / "model.py"
    archspec("compile", SPEC, "-o", target)
    before = target.read_bytes()
    done = archspec("compile", spec("archspec: 1\nlayers: [reluu]\n"), "-o", target)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "error[AS" in done.stderr
    assert target.read_bytes() == before


@pytest.mark.parametrize("target", ["missing/model.py", "."])
def test_places_that_cannot_be_written(archspec: Any, target: str) -> None:
    done = archspec("compile", SPEC, "-o", target)
    assert done.returncode == 2
    assert "error[AS901]" in done.stderr


def test_a_spec_that_is_not_there(archspec: Any) -> None:
    done = archspec("compile", "missing.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("error[AS107]: `missing.yaml` cannot be read")


def test_standard_input(archspec: Any) -> None:
    assert "class TutorialMlp" in archspec("compile", "-", stdin=SPEC.read_bytes()).stdout
