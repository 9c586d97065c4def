"""`archspec fmt`."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archspec.cli.main import main

MESSY = "archspec: 1   # version\nlayers:\n- {linear: 10}\ninputs: {x: 'float32[B, 4]'}\n"
TIDY = 'archspec: 1   # version\ninputs: {x: "float32[B, 4]"}\nlayers:\n  - linear: 10\n'
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("a.yaml")` in a folder with a messy spec, a tidy one, one that does not read, and a file of another kind."""
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(MESSY)
    Path("b.yaml").write_text(TIDY)
    Path("compose.yaml").write_text("services: {  }\n")

    def call(*args: str) -> tuple[int, str, str]:
        code = main(["fmt", *args])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def test_in_place(run: Run) -> None:
    code, out, err = run("a.yaml", "b.yaml")
    assert (code, out) == (0, "a.yaml: formatted\n")
    assert err == "1 spec formatted, 1 is as it should be\n"
    assert Path("a.yaml").read_text() == TIDY
    assert run("a.yaml", "b.yaml") == (0, "", "0 specs formatted, 2 are as they should be\n")


def test_a_directory(run: Run) -> None:
    """Other YAML files are none of ours."""
    code, out, err = run(".")
    assert (code, out) == (0, "a.yaml: formatted\n")
    assert "left out 1 YAML file" in err
    assert Path("compose.yaml").read_text() == "services: {  }\n"
    assert run("--specs-only", "compose.yaml") == (0, "", "0 specs formatted, 0 are as they should be\n")


def test_check(run: Run) -> None:
    code, out, err = run("--check", "a.yaml", "b.yaml")
    assert (code, out) == (1, "a.yaml: would be formatted\n")
    assert err == "1 spec would be formatted, 1 is as it should be\n"
    assert Path("a.yaml").read_text() == MESSY
    assert run("--check", "-q", "a.yaml") == (1, "", "")
    assert run("--check", "b.yaml")[0] == 0


def test_diff(run: Run) -> None:
    code, out, _ = run("--diff", "a.yaml", "b.yaml")
    assert code == 1
    assert out.startswith("--- a.yaml\n+++ a.yaml\n@@ -1,4 +1,4 @@\n archspec: 1   # version\n")
    assert "-- {linear: 10}\n" in out
    assert "+  - linear: 10\n" in out
    assert Path("a.yaml").read_text() == MESSY
    assert "\x1b[32m+  - linear: 10\x1b[0m\n" in run("--diff", "--color=always", "a.yaml")[1]


def test_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for args, expected in (((), (0, TIDY, "")), (("--check", "-q"), (1, "", ""))):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MESSY.encode())))
        assert run("-", *args) == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a: [")))
    code, out, err = run("-")
    assert (code, out) == (1, ""), "nothing to put in place of the text"
    assert "error[AS101]" in err


def test_what_does_not_read_is_left(run: Run) -> None:
    """The others are formatted."""
    Path("bad.yaml").write_text("archspec: 1\nlayers: [\n")
    code, out, err = run("bad.yaml", "a.yaml")
    assert (code, out) == (1, "a.yaml: formatted\n")
    assert "error[AS101]" in err
    assert "--> bad.yaml:" in err
    assert Path("bad.yaml").read_text() == "archspec: 1\nlayers: [\n"


def test_files_that_cannot_be_read_or_written(run: Run) -> None:
    assert run("missing.yaml")[0] == 2
    if os.getuid():
        Path("a.yaml").chmod(0o444)
        code, _, err = run("a.yaml")
        assert code == 2
        assert "cannot be written" in err
        assert Path("a.yaml").read_text() == MESSY


def test_a_file_is_replaced_as_a_whole(run: Run, tmp_path: Path) -> None:
    """It keeps its mode; a link leads where it led; nothing is left beside it. A tidy file is not touched."""
    Path("a.yaml").chmod(0o640)
    Path("link.yaml").symlink_to("a.yaml")
    before = Path("b.yaml").stat().st_mtime_ns
    assert run("link.yaml", "b.yaml")[0] == 0
    assert Path("link.yaml").is_symlink()
    assert Path("a.yaml").read_text() == TIDY
    assert stat.S_IMODE(Path("a.yaml").stat().st_mode) == 0o640
    assert Path("b.yaml").stat().st_mtime_ns == before
    assert {path.name for path in tmp_path.iterdir()} == {"a.yaml", "b.yaml", "compose.yaml", "link.yaml"}
