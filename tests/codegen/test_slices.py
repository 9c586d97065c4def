"""Slices are spaced as ruff and black space them."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

from archspec.codegen.printer import print_expr
from archspec.ops.expr import Attr, Binary, In, Index, Slice


def test_every_form() -> None:
    bounds = [None, 2, -3, In(0), Binary("+", In(0), 1), Attr(In(0), "n")]
    steps = [None, 2, Binary("*", In(0), 2)]
    slices = [Slice(*parts) for parts in itertools.product(bounds, bounds, steps)]
    text = "".join(f"y = {print_expr(Index(In(0), (each,)), ['x'])}\n" for each in slices)
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(
        [ruff, "format", "--isolated", "--stdin-filename", "slices.py", "-"],
        input=text, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == text
