"""`archspec explain`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from archspec.diagnostics.catalogue import catalogue


def test_a_code(archspec: Any) -> None:
    done = archspec("explain", "AS302")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("AS302: two sizes differ  (error)\n\n")
    assert "$ archspec check model.yaml\nerror[AS302]: `add` reads two sizes" in done.stdout


def test_several_as_people_write_them(archspec_here: Any) -> None:
    done = archspec_here("explain", "as302", "401")
    assert done.returncode == 0
    assert "AS302: " in done.stdout
    assert "\nAS401: " in done.stdout


def test_all(archspec_here: Any) -> None:
    done = archspec_here("explain")
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(catalogue())
    assert "AS302  error" in done.stdout
    assert "AS401  warning" in done.stdout


def test_as_json(archspec_here: Any) -> None:
    done = archspec_here("explain", "AS302", "AS901", "--format", "json")
    size, use = json.loads(done.stdout)
    assert size["code"] == "AS302"
    assert size["severity"] == "error"
    assert set(size) == set(use)
    assert size["example"]["output"].startswith("error[AS302]")
    assert "stride: 2" in size["example"]["spec"]
    assert "stride: 2" not in size["repaired"]
    assert use["repaired"] is None
    everything = json.loads(archspec_here("explain", "--format", "json").stdout)
    assert [each["code"] for each in everything] == list(catalogue())


@pytest.mark.parametrize(
    ("given", "help"),
    [("AS3O2", "did you mean `AS302`"), ("AS199", "codes that begin so are AS101"), ("E302", "did you mean `AS302`?"),
     ("nonsense", "lists them")],
)  # fmt: skip
def test_no_such_code(archspec_here: Any, given: str, help: str) -> None:
    done = archspec_here("explain", given)
    assert done.returncode == 2
    assert f"error[AS901]: there is no code `{given}`" in done.stderr
    assert help in done.stderr
    assert done.stdout == ""
