"""The table of `archspec show`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RESNET = "specs/vision/resnet50.yaml"
UNET = "specs/vision/unet.yaml"


def rows(output: str) -> dict[str, list[str]]:
    """{first word of a line: its words}"""
    return {words[0]: words for line in output.splitlines() if (words := line.split())}


def test_a_published_network(archspec: Any) -> None:
    """Totals at given sizes are those measured on torchvision's model."""
    golden = json.loads((ROOT / "tests/golden/data/resnet50.json").read_text())
    sizes = ",".join(map(str, golden["inputs"]["x"]["shape"]))
    done = archspec("show", RESNET, "--input", f"x={sizes}", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    table = rows(done.stdout)
    assert table["total"][1:] == [f"{golden['parameters']['total']:,}", f"{golden['flops']:,}"]
    assert table["conv1"][1] == "conv2d"
    assert "[2, 64, 50, 50]" in done.stdout
    # 7 x 7 x 3 x 64 weights, two FLOPs each at every one of 2 x 50 x 50 places
    assert table["conv1"][-2:] == ["9,408", f"{2 * 9408 * 2 * 50 * 50:,}"]


def test_equal_blocks_are_one_row(archspec: Any) -> None:
    done = archspec("show", RESNET, "--depth", "0", cwd=ROOT)
    table = rows(done.stdout)
    assert "layer1.0" in table
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("layer1.1")]
    assert "×2" in line
    assert "layer1.1.conv1" not in done.stdout


def test_depth_opens_blocks(archspec: Any) -> None:
    done = archspec("show", RESNET, "--depth", "2", cwd=ROOT)
    assert "  layer1.0.conv1 " in done.stdout
    assert "    layer1.0.downsample.0 " in done.stdout


def test_sizes_stay_symbols(archspec: Any) -> None:
    done = archspec("show", UNET, cwd=ROOT)
    assert done.returncode == 0
    assert "[B, 128, H//2, W//2]" in done.stdout
    assert "requires H % 16 == 0, W % 16 == 0" in done.stdout
    assert "FLOPs depend on B, H, W" in done.stdout


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("x=1,3,100,100", "H % 16 == 0"),
        ("x=1,4,64,64", "cannot be 4"),
        ("x=1,3,64", "4 dimensions"),
        ("x=1,3,64,sixty", "NAME=2,3,224,224"),
        ("x", "NAME=2,3,224,224"),
        ("x=1,3,-64,64", "NAME=2,3,224,224"),
        ("image=1,3,64,64", "inputs are x"),
    ],
)
def test_sizes_that_the_model_does_not_take(archspec: Any, given: str, words: str) -> None:
    done = archspec("show", UNET, "--input", given, cwd=ROOT)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""


def test_a_symbol_has_one_value(archspec: Any, spec: Callable[..., Path]) -> None:
    inputs = 'inputs: {a: "float32[B, 4]", b: "float32[B, 4]"}'
    path = spec(f"archspec: 1\nname: two\n{inputs}\nlayers:\n  - {{add: {{}}, from: [a, b]}}\n")
    assert archspec("show", path, "--input", "a=2,4", "--input", "b=2,4").returncode == 0
    done = archspec("show", path, "--input", "a=2,4", "--input", "b=3,4")
    assert done.returncode == 2
    assert "B cannot be 3" in done.stderr


def test_set(archspec: Any) -> None:
    done = archspec("show", RESNET, "--set", "classes=10", cwd=ROOT)
    assert rows(done.stdout)["fc"][-2] == f"{2048 * 10 + 10:,}"


def test_a_spec_with_errors(archspec: Any) -> None:
    done = archspec("show", "-", stdin="archspec: 1\nlayers: [reluu]\n")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "error[AS" in done.stderr
