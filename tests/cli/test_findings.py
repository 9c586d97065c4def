"""Which warnings `archspec check` gives: chosen by code, ignored by a comment, known to a baseline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SPEC = """\
archspec: 1
name: small
params: {width: 3, depth: 4}
inputs: {x: "float32[B, 8]"}
blocks:
  Head: {layers: [linear: 8]}
layers:
  - {name: fc, linear: 8}
  - {name: side, linear: 8, from: x}
  - {name: act, relu: {}, from: fc}
outputs: {y: act}
"""
ALL = ["AS401", "AS401", "AS402", "AS403"]


@pytest.fixture
def archspec(archspec_here: Any) -> Any:
    return archspec_here


def codes(done: Any) -> list[str]:
    return sorted(line.split("[")[1][:5] for line in done.stdout.splitlines() if line.startswith(("warning", "error")))


def test_all_of_them(archspec: Any, spec: Callable[..., Path]) -> None:
    done = archspec("check", spec(SPEC))
    assert codes(done) == ALL
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (("--ignore", "AS401"), ["AS402", "AS403"]),
        (("--ignore", "AS401,402"), ["AS403"]),
        (("--ignore", "AS401", "--ignore", "as402"), ["AS403"]),
        (("--ignore", "AS4"), []),
        (("--ignore", "ALL"), []),
        (("--select", "AS402"), ["AS402"]),
        (("--select", "AS4"), ALL),
        (("--select", "AS4", "--ignore", "AS401"), ["AS402", "AS403"]),
        (("--select", "AS401", "--ignore", "AS4"), ["AS401", "AS401"]),
        (("--select", "AS401", "--ignore", "AS401"), []),
        (("--select", "ALL"), ALL),
    ],
)
def test_chosen_by_code(archspec: Any, spec: Callable[..., Path], options: tuple[str, ...], left: list[str]) -> None:
    done = archspec("check", "--strict", *options, spec(SPEC))
    assert codes(done) == left
    assert done.returncode == (1 if left else 0)
    assert done.stderr == ""


@pytest.mark.parametrize("word", ["AS999", "AS40x", "E501", "AS302", "AS1"])
def test_a_code_that_is_no_warning(archspec: Any, spec: Callable[..., Path], word: str) -> None:
    for option in ("--ignore", "--select"):
        done = archspec("check", option, word, spec(SPEC))
        assert done.returncode == 2
        assert "error[AS901]" in done.stderr
        assert word in done.stderr


def test_errors_are_given_whatever_is_selected(archspec: Any, spec: Callable[..., Path]) -> None:
    done = archspec("check", "--select", "AS401", spec(SPEC.replace("relu", "reluu")))
    assert codes(done) == ["AS202"]
    assert done.returncode == 1


def with_comment(line: str, comment: str) -> str:
    assert line in SPEC
    return SPEC.replace(line, f"{line}  {comment}")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (with_comment("params: {width: 3, depth: 4}", "# archspec: ignore[AS401]"), ["AS402", "AS403"]),
        (with_comment("params: {width: 3, depth: 4}", "#archspec:ignore[as401]"), ["AS402", "AS403"]),
        (with_comment("  Head: {layers: [linear: 8]}", "# archspec: ignore[AS403] used by others"), ALL[:3]),
        (SPEC.replace("params:", "# archspec: ignore[AS401]\nparams:"), ["AS402", "AS403"]),
        (SPEC.replace("params:", "# archspec: ignore[AS401]\n# both are for later\n\nparams:"), ["AS402", "AS403"]),
        ("# archspec: ignore-file[AS401, AS402]\n" + SPEC, ["AS403"]),
        (SPEC + "# archspec: ignore-file[AS403]\n", ALL[:3]),
        ("# archspec: ignore-file[AS401]\n" + SPEC.replace(": x}", ": x}  # archspec: ignore[AS402]"), ["AS403"]),
        (SPEC.replace("from: x}", "from: x}  # archspec: ignore[AS402,AS401]"), ["AS401", "AS401", "AS403", "AS404"]),
        # Those that have nothing to ignore.
        (with_comment("name: small", "# archspec: ignore[AS401]"), [*ALL, "AS404"]),
        (with_comment("name: small", "# archspec: ignore[AS401, AS499]"), [*ALL, "AS404"]),
        (with_comment("params: {width: 3, depth: 4}", "# archspec: ignore[AS401, AS402]"), ["AS402", "AS403", "AS404"]),
        (with_comment("params: {width: 3, depth: 4}", "# archspec: ignore"), [*ALL, "AS404"]),
        (with_comment("params: {width: 3, depth: 4}", "# archspec: ignore[]"), [*ALL, "AS404"]),
        # No such comments.
        (with_comment("params: {width: 3, depth: 4}", "# archspec: ignored[AS401]"), ALL),
        (SPEC.replace("name: small", 'name: small\ndoc: "one # archspec: ignore-file[AS401] two"'), ALL),
        (SPEC.replace("name: small", "name: small\ndoc: |\n  one\n  # archspec: ignore-file[AS401]\n  two"), ALL),
    ],
)  # fmt: skip
def test_ignored_by_a_comment(archspec: Any, spec: Callable[..., Path], text: str, left: list[str]) -> None:
    done = archspec("check", spec(text))
    assert codes(done) == left, done.stdout


def test_comments_and_line_breaks(archspec: Any, spec: Callable[..., Path]) -> None:
    text = with_comment("params: {width: 3, depth: 4}", "# archspec: ignore[AS401]")
    assert codes(archspec("check", spec(text.replace("\n", "\r\n")))) == ["AS402", "AS403"]
    assert codes(archspec("check", spec("\ufeff" + text))) == ["AS402", "AS403"]


def test_a_comment_serves_a_warning_that_is_not_asked_for(archspec: Any, spec: Callable[..., Path]) -> None:
    """With --ignore the warning is gone; the comment that stood for it is not reported as idle."""
    text = with_comment("params: {width: 3, depth: 4}", "# archspec: ignore[AS401]")
    assert codes(archspec("check", "--ignore", "AS401", spec(text))) == ["AS402", "AS403"]
    assert codes(archspec("check", "--set", "width=4", spec(text))) == ["AS402", "AS403"]


def test_errors_are_not_ignored(archspec: Any, spec: Callable[..., Path]) -> None:
    text = SPEC.replace("relu: {}, from: fc}", "reluu: {}, from: fc}  # archspec: ignore[AS202]")
    done = archspec("check", spec(text))
    assert codes(done) == ["AS202"]
    assert "line 10 asks to ignore it: only warnings are" in done.stdout
    assert done.returncode == 1


def test_comments_in_an_included_file(archspec: Any, spec: Callable[..., Path]) -> None:
    blocks = """\
blocks:
  Head:
    layers:
      - {name: a, linear: 8}
      - {name: b, linear: 8, from: x}%s
      - {name: c, relu: {}, from: a}
"""
    own = 'archspec: 1\nname: s\ninputs: {x: "float32[B, 8]"}\ninclude: [blocks.yaml]\nlayers: [Head]\n'
    path = spec(own)
    spec(blocks % "", "blocks.yaml")
    assert codes(archspec("check", path)) == ["AS402"]
    spec(blocks % "  # archspec: ignore[AS402]", "blocks.yaml")
    assert codes(archspec("check", path)) == []
    # It may serve another spec.
    spec((blocks % "").replace("from: a", "from: a}  # archspec: ignore[AS401]").replace("]}", "]"), "blocks.yaml")
    assert codes(archspec("check", path)) == ["AS402"]


class TestBaseline:
    def test_known_warnings_are_not_given(self, archspec: Any, spec: Callable[..., Path], tmp_path: Path) -> None:
        path = spec(SPEC)
        done = archspec("check", "--write-baseline", path)
        assert (done.returncode, codes(done)) == (0, [])
        data = json.loads((tmp_path / "archspec-baseline.json").read_text())
        assert data["archspec-baseline"] == 1
        assert [(entry["code"], entry["count"]) for entry in data["warnings"]] == [
            ("AS401", 2), ("AS402", 1), ("AS403", 1),
        ]  # fmt: skip
        assert all(entry["file"] == "spec.yaml" for entry in data["warnings"])
        done = archspec("check", "--strict", "--baseline", "archspec-baseline.json", path)
        assert (done.returncode, codes(done), done.stderr) == (0, [], "")

    def test_lines_above_change_nothing(self, archspec: Any, spec: Callable[..., Path]) -> None:
        path = spec(SPEC)
        archspec("check", "--write-baseline", path)
        spec("# one\n# two\n" + SPEC.replace("\nlayers:", "\n\n\nlayers:"))
        assert codes(archspec("check", "--baseline", "archspec-baseline.json", path)) == []

    def test_new_warnings_are_given(self, archspec: Any, spec: Callable[..., Path]) -> None:
        path = spec(SPEC)
        archspec("check", "--write-baseline", path)
        one = "  - {name: side, linear: 8, from: x}\n"
        spec(SPEC.replace(one, one + one.replace("side", "other")))
        done = archspec("check", "--strict", "--baseline", "archspec-baseline.json", path)
        assert codes(done) == ["AS402"]
        assert "`other`" in done.stdout
        assert done.returncode == 1
        # The same line once more: one is known.
        head = "blocks:\n  Head: {layers: [linear: 8]}\n"
        spec(SPEC.replace(head, head + "  Tail: {layers: [linear: 8]}\n"))
        assert codes(archspec("check", "--baseline", "archspec-baseline.json", path)) == ["AS403"]

    def test_repaired_ones_are_told_of(self, archspec: Any, spec: Callable[..., Path]) -> None:
        path = spec(SPEC)
        archspec("check", "--write-baseline", path)
        spec(SPEC.replace("params: {width: 3, depth: 4}\n", ""))
        done = archspec("check", "--strict", "--baseline", "archspec-baseline.json", path)
        assert (done.returncode, codes(done)) == (0, [])
        assert "2 warnings of the baseline are no longer there" in done.stderr
        archspec("check", "--baseline", "archspec-baseline.json", "--write-baseline", path)
        assert archspec("check", "--baseline", "archspec-baseline.json", path).stderr == ""

    def test_other_files_stay(self, archspec: Any, spec: Callable[..., Path], tmp_path: Path) -> None:
        """The baseline is written again for the files that were looked at."""
        a, b = spec(SPEC, "models/a.yaml"), spec(SPEC, "models/b.yaml")
        archspec("check", "--write-baseline", a, b)
        spec(SPEC.replace("params: {width: 3, depth: 4}\n", ""), "models/a.yaml")
        archspec("check", "--write-baseline", a)
        known = json.loads((tmp_path / "archspec-baseline.json").read_text())["warnings"]
        assert [e["code"] for e in known if e["file"] == "models/a.yaml"] == ["AS402", "AS403"]
        assert [e["code"] for e in known if e["file"] == "models/b.yaml"] == ["AS401", "AS402", "AS403"]
        b.unlink()
        archspec("check", "--write-baseline", a)
        known = json.loads((tmp_path / "archspec-baseline.json").read_text())["warnings"]
        assert {e["file"] for e in known} == {"models/a.yaml"}

    def test_paths_start_from_the_baseline(self, archspec: Any, spec: Callable[..., Path], tmp_path: Path) -> None:
        spec(SPEC, "models/a.yaml")
        (tmp_path / "ci").mkdir()
        archspec("check", "--baseline", "ci/known.json", "--write-baseline", "models/a.yaml")
        done = archspec("check", "--baseline", "../ci/known.json", "a.yaml", cwd=tmp_path / "models")
        assert codes(done) == []

    def test_errors_are_never_known(self, archspec: Any, spec: Callable[..., Path], tmp_path: Path) -> None:
        path = spec(SPEC.replace("relu", "reluu"))
        done = archspec("check", "--write-baseline", path)
        assert (done.returncode, codes(done)) == (1, ["AS202"])
        assert json.loads((tmp_path / "archspec-baseline.json").read_text())["warnings"] == []

    @pytest.mark.parametrize(
        "text",
        ["", "[]", "{}", '{"archspec-baseline": 2, "warnings": []}', '{"archspec-baseline": 1}', "[" * 100_000, "\x00",
         '{"archspec-baseline": 1, "warnings": [{"file": 3, "code": "AS401", "line": ""}]}',
         '{"archspec-baseline": 1, "warnings": [{"file": "a", "code": "AS401", "line": "", "count": -1}]}'],
    )  # fmt: skip
    def test_a_file_that_is_no_baseline(
        self, archspec: Any, spec: Callable[..., Path], tmp_path: Path, text: str
    ) -> None:
        (tmp_path / "known.json").write_text(text)
        done = archspec("check", "--baseline", "known.json", spec(SPEC))
        assert done.returncode == 2
        assert "error[AS901]: `known.json` is no baseline" in done.stderr
        assert (tmp_path / "known.json").read_text() == text

    def test_one_that_cannot_be_read_or_written(self, archspec: Any, spec: Callable[..., Path]) -> None:
        path = spec(SPEC)
        done = archspec("check", "--baseline", "none.json", path)
        assert done.returncode == 2
        assert "write it with --write-baseline" in done.stderr
        done = archspec("check", "--baseline", "no/such/folder.json", "--write-baseline", path)
        assert done.returncode == 2
        assert "cannot be written" in done.stderr
