"""What `archspec check` says and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
GOOD = """\
archspec: 1
name: small
inputs: {x: "float32[B, 3, H, W]"}
layers:
  - {name: conv, conv2d: {out_channels: 8, kernel_size: 3, stride: 2}}
  - {name: act, relu: {}}
outputs: {features: act}
"""
CHAIN = 'archspec: 1\nname: bad\ninputs: {x: "float32[B, 3, 32, 32]"}\nlayers:\n'


def test_a_clean_spec(archspec: Any) -> None:
    done = archspec("check", "specs/vision/resnet50.yaml", cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    line = done.stdout.rstrip("\n")
    assert "\n" not in line
    assert line.startswith("specs/vision/resnet50.yaml: ok  25,557,032 parameters")
    assert "x: float32[B, 3, H, W] → logits: float32[B, 1000]" in line
    assert done.stderr == ""


def test_requirements_are_shown(archspec: Any, spec: Callable[..., Path]) -> None:
    """A 3 x 3 window without padding needs three rows."""
    done = archspec("check", spec(GOOD.replace("[B, 3, H, W]", "[B, 3, H, 32]")))
    assert done.returncode == 0
    assert "requires H >= 3" in done.stdout


# What is wrong, and (code, line, words) of the one error that must be reported.
BAD: dict[str, tuple[str | bytes, str, int, str]] = {
    "empty": ("", "AS106", 1, "empty"),
    "only a comment": ("# nothing\n", "AS106", 1, "empty"),
    "binary": (b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe", "AS105", 1, ""),
    "not utf-8": ("archspec: 1\nname: caf\xe9\n".encode("latin-1"), "AS105", 2, ""),
    "broken yaml": ("archspec: 1\nlayers: [relu\n", "AS101", 2, ""),
    "duplicate key": ("archspec: 1\nname: a\nname: b\n" + GOOD[24:], "AS102", 3, "name"),
    "unknown op": (CHAIN + "  - conv2: {out_channels: 8, kernel_size: 3}\n", "AS202", 5, "did you mean"),
    "unknown argument": (CHAIN + "  - conv2d: {out_chanels: 8, kernel_size: 3}\n", "AS203", 5, "out_channels"),
    "missing argument": (CHAIN + "  - relu\n  - conv2d: {out_channels: 8}\n", "AS204", 6, "kernel_size"),
    "bad value": (CHAIN + "  - conv2d: {out_channels: 8, kernel_size: three}\n", "AS205", 5, "three"),
    "unknown value": (CHAIN + "  - {name: a, relu: {}, from: y}\n", "AS206", 5, "y"),
    "duplicate name": (CHAIN + "  - {name: a, relu: {}}\n  - {name: a, relu: {}}\n", "AS207", 6, "a"),
    "cycle": (CHAIN + "  - {name: a, add: {}, from: [x, b]}\n  - {name: b, relu: {}, from: a}\n", "AS211", 5, "b"),
    "missing parameter": (
        CHAIN
        + "  - Block: {}\nblocks:\n  Block:\n    params: {width: int}\n"
        + "    layers:\n      - flatten\n      - linear: $width\n",
        "AS204",
        5,
        "width",
    ),
    "unknown parameter": (CHAIN + "  - flatten\n  - linear: $classes\n", "AS209", 6, "classes"),
    "mismatch in a repeated block": (
        CHAIN
        + "  - {name: stage, repeat: 3, Block: {}}\nblocks:\n  Block:\n    layers:\n"
        + "      - residual:\n          - conv2d: {out_channels: 6, kernel_size: 1}\n",
        "AS302",
        9,
        "6",
    ),
    "impossible reshape": (CHAIN + "  - reshape: {shape: [$B, 5, 600]}\n", "AS307", 5, "3072*B"),
    "reshape that does not divide": (CHAIN + "  - reshape: {shape: [$B, 5, -1]}\n", "AS305", 5, "3072"),
    "input too small": (CHAIN + "  - conv2d: {out_channels: 8, kernel_size: 40}\n", "AS304", 5, "40"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(archspec: Any, spec: Callable[..., Path], case: str) -> None:
    text, code, line, words = BAD[case]
    path = spec(text, "bad.yaml")
    done = archspec("check", "bad.yaml", cwd=path.parent)
    output = done.stdout
    assert done.returncode == 1, output + done.stderr
    assert done.stderr == ""
    assert output.count("error[") == 1, output
    assert f"error[{code}]" in output, output
    assert f"--> bad.yaml:{line}:" in output, output
    assert words in output, output
    assert "Traceback" not in output


def test_all_errors_at_once(archspec: Any, spec: Callable[..., Path]) -> None:
    text = CHAIN + "  - conv2d: {out_channels: 8}\n  - reluu\n  - {name: a, relu: {}, from: nowhere}\n"
    done = archspec("check", spec(text))
    assert done.returncode == 1
    assert done.stdout.count("error[") == 3, done.stdout


def test_a_file_that_is_not_there(archspec: Any) -> None:
    done = archspec("check", "missing.yaml")
    assert done.returncode == 2
    assert "missing.yaml" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_several_specs(archspec: Any, spec: Callable[..., Path]) -> None:
    """The worst outcome is the exit code; one bad spec does not hide the next."""
    spec(GOOD, "a.yaml")
    spec("", "b.yaml")
    spec(GOOD, "c.yaml")
    done = archspec("check", "a.yaml", "b.yaml", "c.yaml")
    assert done.returncode == 1
    assert "a.yaml: ok" in done.stdout
    assert "c.yaml: ok" in done.stdout
    assert "3 specs checked: 1 error, 0 warnings" in done.stdout
    assert archspec("check", "a.yaml", "b.yaml", "missing.yaml").returncode == 2


def test_a_directory(archspec: Any, spec: Callable[..., Path]) -> None:
    spec(GOOD, "models/a.yaml")
    spec(GOOD, "models/deep/b.yml")
    spec("services: {}\n", "models/compose.yaml")
    spec("blocks: {Mlp: {layers: [relu]}}\n", "models/parts/blocks.yaml")  # what specs include
    spec("text", "models/readme.txt")
    spec("archspec: 1\n", "models/.hidden/c.yaml")
    done = archspec("check", "models")
    assert done.returncode == 0, done.stdout
    assert "models/a.yaml: ok" in done.stdout
    assert "models/deep/b.yml: ok" in done.stdout
    assert "2 specs checked" in done.stdout
    assert "left out 1 YAML file" in done.stderr


def test_a_directory_without_specs(archspec: Any, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    done = archspec("check", "none")
    assert done.returncode == 2
    assert "error[AS901]" in done.stderr


def test_a_pattern(archspec: Any, spec: Callable[..., Path]) -> None:
    spec(GOOD, "a1.yaml")
    spec(GOOD, "a2.yaml")
    spec("", "b.yaml")
    done = archspec("check", "a*.yaml")
    assert done.returncode == 0
    assert "2 specs checked" in done.stdout
    assert archspec("check", "z*.yaml").returncode == 2


def test_standard_input(archspec: Any) -> None:
    done = archspec("check", "-", stdin=GOOD)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok" in done.stdout
    bad = archspec("check", "-", stdin=GOOD.replace("relu:", "reluu:"))
    assert bad.returncode == 1
    assert "<stdin>:6:" in bad.stdout


def test_set(archspec: Any) -> None:
    done = archspec(
        "check", "specs/vision/resnet50.yaml", "--set", "classes=10", "--set", "depths=[1, 1, 1, 1]", cwd=ROOT
    )
    assert done.returncode == 0, done.stdout
    assert "float32[B, 10]" in done.stdout
    assert "25,557,032" not in done.stdout


def test_set_of_an_unknown_parameter(archspec: Any) -> None:
    done = archspec("check", "specs/vision/resnet50.yaml", "--set", "clases=10", cwd=ROOT)
    assert done.returncode == 1
    assert "AS219" in done.stdout
    assert "did you mean `classes`?" in done.stdout


@pytest.mark.parametrize("given", ["classes", "=3", "classes=", "classes=[1", "classes=1\nb: 2", "a: b=1: c"])
def test_set_that_cannot_be_read(archspec: Any, given: str) -> None:
    done = archspec("check", "specs/vision/resnet50.yaml", "--set", given, cwd=ROOT)
    assert done.returncode == 2
    assert "error[AS901]" in done.stderr


def test_warnings(archspec: Any, spec: Callable[..., Path]) -> None:
    """An unused parameter is a warning: shown, and a finding only where asked."""
    path = spec(GOOD.replace("inputs:", "params: {width: 3}\ninputs:"))
    done = archspec("check", path)
    assert done.returncode == 0
    assert "warning[AS401]" in done.stdout
    assert "ok" in done.stdout
    assert archspec("check", "--strict", path).returncode == 1


def test_quiet(archspec: Any, spec: Callable[..., Path]) -> None:
    done = archspec("check", "-q", spec(GOOD))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_name_that_steers_terminals(archspec: Any, spec: Callable[..., Path]) -> None:
    spec(GOOD, "a\x1b[2J.yaml")
    spec("", "b\x1b[2J.yaml")
    done = archspec("check", ".", "c\x1b[2J.yaml")
    assert done.returncode == 2
    assert "ok" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
