"""`archspec check --fix`, `--diff` and `--unsafe-fixes`: what is written, where, and what is not."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SPEC = """\
archspec: 1
name: small
inputs: {x: "float32[B, 8]"}  # eight
layers:
  - {name: fc, Linear: 8}     # as in torch
  - rleu
"""
SAFE = SPEC.replace("Linear", "linear")
BOTH = SAFE.replace("rleu", "relu")


def test_safe_repairs(archspec: Any, spec: Callable[..., Path]) -> None:
    path = spec(SPEC)
    done = archspec("check", "--fix", path)
    assert path.read_text() == SAFE
    assert done.returncode == 1  # what is left
    assert "error[AS202]: there is no op `rleu`" in done.stdout
    assert "Linear" not in done.stdout
    assert done.stderr == f"{path}: repaired 1 finding\n"


def test_likely_repairs_too(archspec_here: Any, spec: Callable[..., Path]) -> None:
    path = spec(SPEC)
    done = archspec_here("check", "--fix", "--unsafe-fixes", path)
    assert path.read_text() == BOTH
    assert done.returncode == 0
    assert ": ok  72 parameters" in done.stdout
    assert "repaired 2 findings" in done.stderr
    again = archspec_here("check", "--fix", "--unsafe-fixes", path)
    assert (again.returncode, again.stderr) == (0, "")
    assert path.read_text() == BOTH


def test_a_clean_file_is_not_written(archspec_here: Any, spec: Callable[..., Path]) -> None:
    path = spec(BOTH)
    path.chmod(0o444)
    before = path.stat()
    assert archspec_here("check", "--fix", path).returncode == 0
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


def test_unsafe_alone_is_an_error_of_use(archspec_here: Any, spec: Callable[..., Path]) -> None:
    done = archspec_here("check", "--unsafe-fixes", spec(SPEC))
    assert done.returncode == 2
    assert "give it with --fix or --diff" in done.stderr


def test_diff_changes_nothing(archspec_here: Any, spec: Callable[..., Path], tmp_path: Path) -> None:
    spec(SPEC)
    done = archspec_here("check", "--diff", "spec.yaml")
    assert (tmp_path / "spec.yaml").read_text() == SPEC
    assert done.returncode == 1
    assert done.stdout == (
        "--- spec.yaml\n+++ spec.yaml\n@@ -2,5 +2,5 @@\n"
        " name: small\n"
        ' inputs: {x: "float32[B, 8]"}  # eight\n'
        " layers:\n"
        "-  - {name: fc, Linear: 8}     # as in torch\n"
        "+  - {name: fc, linear: 8}     # as in torch\n"
        "   - rleu\n"
    )
    assert done.stderr == "spec.yaml: would repair 1 finding\n"
    both = archspec_here("check", "--diff", "--fix", "--unsafe-fixes", "spec.yaml")
    assert "+  - relu" in both.stdout
    assert (tmp_path / "spec.yaml").read_text() == SPEC
    spec(BOTH)
    clean = archspec_here("check", "--diff", "spec.yaml")
    assert (clean.returncode, clean.stdout, clean.stderr) == (0, "", "")


def test_a_diff_applies(archspec_here: Any, spec: Callable[..., Path], tmp_path: Path) -> None:
    """`patch` makes of the diff what --fix writes, also without a line break at the end."""
    import shutil
    import subprocess

    if shutil.which("patch") is None:
        pytest.skip("there is no patch")
    for text, fixed in ((SPEC, BOTH), (SPEC.rstrip("\n"), BOTH.rstrip("\n"))):
        path = spec(text)
        done = archspec_here("check", "--diff", "--unsafe-fixes", "spec.yaml")
        subprocess.run(["patch", "-p0"], input=done.stdout, text=True, check=True, cwd=tmp_path, capture_output=True)
        assert path.read_text() == fixed


def test_standard_input(archspec: Any) -> None:
    """The repaired text goes to standard output, what is said of it to standard error."""
    done = archspec("check", "--fix", "-", stdin=SPEC)
    assert done.stdout == SAFE
    assert "error[AS202]" in done.stderr
    assert done.returncode == 1
    done = archspec("check", "--fix", "--unsafe-fixes", "-", stdin=SPEC)
    assert done.stdout == BOTH
    assert done.returncode == 0


BASE = """\
archspec: 1
name: base
params: {width: 8}
inputs: {x: "float32[B, 8]"}
include: [../blocks.yml]
layers:
  - {name: fc, Linear: $width}   # the base's
  - {name: head, Head: {}}
"""
BLOCKS = "blocks:\n  Head: {layers: [Linear: 8, {name: out, linear: {out_features: 8, bias: no}}]}  # shared\n"
OWN = """\
archspec: 1
name: own
extends: models/base.yaml
replace:
  fc: {Linear: 16}   # its own
"""


@pytest.fixture
def family(spec: Callable[..., Path]) -> dict[str, Path]:
    return {
        "own": spec(OWN, "own.yaml"),
        "base": spec(BASE, "models/base.yaml"),
        "blocks": spec(BLOCKS, "blocks.yml"),
    }


def test_each_file_gets_its_own_repairs(archspec_here: Any, family: dict[str, Path]) -> None:
    done = archspec_here("check", "--fix", "own.yaml")
    assert done.returncode == 0, done.stdout
    assert family["own"].read_text() == OWN.replace("Linear", "linear")
    assert family["base"].read_text() == BASE  # its item is replaced: nothing is found in it
    assert family["blocks"].read_text() == BLOCKS.replace("Linear", "linear").replace("no}", "false}")
    done = archspec_here("check", "--fix", "models/base.yaml")
    assert done.returncode == 0
    assert family["base"].read_text() == BASE.replace("Linear", "linear")


def test_from_another_folder(archspec_here: Any, family: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    archspec_here("check", "--fix", "../own.yaml", cwd=tmp_path / "elsewhere")
    assert family["blocks"].read_text() == BLOCKS.replace("Linear", "linear").replace("no}", "false}")


def test_one_file_that_cannot_be_written_keeps_all_as_they_are(archspec_here: Any, family: dict[str, Path]) -> None:
    family["blocks"].chmod(0o444)
    done = archspec_here("check", "--fix", "own.yaml")
    assert done.returncode == 2
    assert "error[AS901]: `blocks.yml` cannot be repaired: it is read-only" in done.stderr
    assert family["own"].read_text() == OWN
    assert family["blocks"].read_text() == BLOCKS
    assert sorted(p.name for p in family["own"].parent.iterdir()) == ["blocks.yml", "models", "own.yaml"]


def test_a_link_stays_a_link(archspec_here: Any, spec: Callable[..., Path], tmp_path: Path) -> None:
    target = spec(SPEC, "real/target.yaml")
    target.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(target)
    archspec_here("check", "--fix", "link.yaml")
    assert link.is_symlink()
    assert target.read_text() == SAFE
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert [p.name for p in target.parent.iterdir()] == ["target.yaml"]


def test_bytes_that_are_not_repaired_stay(archspec_here: Any, spec: Callable[..., Path]) -> None:
    text = "\ufeff" + SPEC.replace("\n", "\r\n").replace("eight", "acht – ü")
    path = spec(text.encode())
    archspec_here("check", "--fix", path)
    assert path.read_bytes() == text.replace("Linear", "linear").encode()


def test_ignored_and_known_warnings_are_not_repaired(archspec_here: Any, spec: Callable[..., Path]) -> None:
    text = BOTH.replace("inputs:", "params: {width: 3}\ninputs:")
    path = spec(text)
    archspec_here("check", "--fix", "--unsafe-fixes", "--ignore", "AS401", path)
    assert path.read_text() == text
    archspec_here("check", "--write-baseline", path)
    archspec_here("check", "--fix", "--unsafe-fixes", "--baseline", "archspec-baseline.json", path)
    assert path.read_text() == text
    archspec_here("check", "--fix", "--unsafe-fixes", path)
    assert path.read_text() == BOTH


def test_a_repair_that_would_break_the_spec_is_not_made(archspec_here: Any, spec: Callable[..., Path]) -> None:
    """The parameter is unused, but the block is called with it."""
    text = """\
archspec: 1
name: small
inputs: {x: "float32[B, 8]"}
blocks:
  Head: {params: {width: 3, more: 4}, layers: [linear: $more]}
layers:
  - Head: {width: 4}
"""
    path = spec(text)
    done = archspec_here("check", "--fix", "--unsafe-fixes", path)
    assert path.read_text() == text
    assert "warning[AS401]" in done.stdout
    assert done.stderr == ""


def test_a_file_that_changes_meanwhile_is_left_alone(spec: Callable[..., Path]) -> None:
    from archspec import pipeline
    from archspec.cli.output import UsageError
    from archspec.cli.repair import repaired

    path = spec(SPEC)
    out = repaired(pipeline.load(path), pipeline.check, lambda report: report.diagnostics, unsafe=False)
    path.write_text(SPEC + "# more\n")
    with pytest.raises(UsageError, match="it has changed since it was read"):
        out.write()
    assert path.read_text() == SPEC + "# more\n"


def test_a_full_disk_leaves_the_file(spec: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from archspec import pipeline
    from archspec.cli.output import UsageError
    from archspec.cli.repair import repaired

    path = spec(SPEC)
    out = repaired(pipeline.load(path), pipeline.check, lambda report: report.diagnostics, unsafe=False)

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left on device"):
        out.write()
    assert path.read_text() == SPEC
    assert [p.name for p in path.parent.iterdir()] == ["spec.yaml"]


def test_repairs_that_make_nothing_better_end(tmp_path: Path) -> None:
    """However many there are: with each that is tried the whole spec is checked."""
    from archspec import pipeline
    from archspec.cli.repair import MOST_CHECKS, repaired

    words = "".join(f"  - {{name: n{number}, linear: {{out_features: 8, bias: no}}}}\n" for number in range(200))
    spec = pipeline.Spec(f'archspec: 1\ninputs: {{x: "float32[B, 8]"}}\nlayers:\n{words}', "a.yaml", tmp_path)
    report = pipeline.check(spec)
    asked: list[pipeline.Spec] = []

    def as_before(given: pipeline.Spec) -> pipeline.Report:
        asked.append(given)
        return report

    out = repaired(spec, as_before, lambda given: given.diagnostics, unsafe=True)
    assert sum(d.fix is not None for d in report.diagnostics) >= 200
    assert (out.count, len(asked)) == (0, 1 + MOST_CHECKS)
