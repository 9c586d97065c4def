"""`archspec export`: what it makes, in processes of its own; what it refuses, within this one."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch
from runtime_process import DIGITS, archspec, here


def test_a_run(digits_run: Path, tmp_path: Path) -> None:
    done = archspec("export", digits_run, "-o", "net.pt2", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "verified against the model for [2, 1, 8, 8] and [3, 1, 8, 8]" in done.stdout
    assert torch.export.load(tmp_path / "net.pt2").module()(torch.zeros(7, 1, 8, 8)).shape == (7, 10)
    again = here("export", digits_run, "-o", "net.pt2", cwd=tmp_path)
    assert again.returncode == 2 and "--force" in again.stderr
    best = here("export", digits_run, "-o", "w.safetensors", cwd=tmp_path)
    assert best.returncode == 0, best.stderr
    read = safetensors.torch.load_file(tmp_path / "w.safetensors")
    wanted = safetensors.torch.load_file(digits_run / "weights.safetensors")
    assert read.keys() == wanted.keys() and all(torch.equal(read[k], wanted[k]) for k in read)


def test_smaller(digits_run: Path, tmp_path: Path) -> None:
    done = archspec("export", digits_run, "-o", "w.safetensors", "--prune", "0.5", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "(50.0%)" in done.stdout and "outputs differ by" in done.stdout
    read = safetensors.torch.load_file(tmp_path / "w.safetensors")
    weights = [t for name, t in read.items() if name.endswith("weight") and t.ndim > 1]
    assert abs(sum(int((t == 0).sum()) for t in weights) * 2 - sum(t.numel() for t in weights)) <= 1
    for arguments, words in (
        (("-o", "x.pt2", "--quantize", "int8"), "is of ONNX"),
        (("-o", "x.py", "--prune", "0.5"), "source has none"),
        (("-o", "x.pt2", "--prune", "2"), "neither a share"),
    ):
        done = here("export", digits_run, *arguments, cwd=tmp_path)
        assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_spec(digits_run: Path, tmp_path: Path) -> None:
    source = archspec("export", DIGITS, "-o", "net.py", cwd=tmp_path)
    assert source.returncode == 0 and "class DigitsCnn" in (tmp_path / "net.py").read_text()
    weights = digits_run / "last.safetensors"
    done = here(
        "export", DIGITS, "-o", "w.safetensors", "--weights", weights, "--set", "channels=[4, 8, 8]", cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    plain = here("export", DIGITS, "-o", "plain.safetensors", cwd=tmp_path)
    assert plain.returncode == 0 and "as initialised" in plain.stderr
    unfit = here("export", DIGITS, "-o", "x.safetensors", "--weights", weights, cwd=tmp_path)
    assert unfit.returncode == 1 and "AS703" in unfit.stderr
    for arguments, words in (
        (("-o", "x.zip"), "cannot be told from its name"),
        (("-o", "none/x.pt2"), "no directory"),
        (("-o", "x.pt2", "--size", "Q=3"), "no symbol `Q`"),
        (("-o", "x.pt2", "--size", "B"), "NAME=N"),
    ):
        done = here("export", DIGITS, *arguments, cwd=tmp_path)
        assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
    assert {p.name for p in tmp_path.iterdir()} == {"net.py", "w.safetensors", "plain.safetensors"}


def test_an_op_that_is_refused_is_named_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text('archspec: 1\ninputs: {x: "float32[B, 6]"}\nlayers: [{linear: 4}, {cov: {}}]\n')
    done = here("export", "net.yaml", "-o", "net.pt2", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--> net.yaml:3:24\n" in done.stderr and "`cov` alone is refused too" in done.stderr
    assert "help: export as .ts" in done.stderr and "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["net.yaml"]
