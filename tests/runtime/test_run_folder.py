"""A run folder is made once and belongs to one run."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from archspec.runtime.run_folder import HELD, METRICS, RunError, RunFolder, read_facts, read_metrics


def test_numbers_go_up_and_gaps_are_not_filled(tmp_path: Path) -> None:
    names = [RunFolder.create(None, "net", tmp_path).path.name for _ in range(3)]
    assert names == ["net-1", "net-2", "net-3"]
    (tmp_path / "net-7").mkdir()
    (tmp_path / "net-12x").mkdir()
    assert RunFolder.create(None, "net", tmp_path).path.name == "net-8"


def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    for name in ("../../etc", "/abs/path", "..", "", "a\x00b", "x" * 500):
        path = RunFolder.create(None, name, tmp_path / "runs").path
        assert path.parent == tmp_path / "runs"


def test_runs_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        paths = list(pool.map(lambda _: RunFolder.create(None, "net", tmp_path).path, range(48)))
    assert len(set(paths)) == 48


def test_a_given_folder_must_be_new_or_empty(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "deep" / "new", "net").close()
    (tmp_path / "empty").mkdir()
    RunFolder.create(tmp_path / "empty", "net").close()
    for taken in ("empty", "deep"):
        with pytest.raises(RunError, match="not empty"):
            RunFolder.create(tmp_path / taken, "net")
    (tmp_path / "file").write_text("x")
    for wrong in ("file", "file/below"):
        with pytest.raises(RunError):
            RunFolder.create(tmp_path / wrong, "net")
    assert (tmp_path / "file").read_text() == "x"


def test_metrics_are_strict_json_lines_at_once(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", "net")
    folder.log("epoch", {"loss": math.nan, "name": "ü\n", "path": tmp_path})
    (line,) = (tmp_path / "run" / METRICS).read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {"kind": "epoch", "loss": None, "name": "ü\n", "path": str(tmp_path)}
    folder.log("final", {})
    folder.close()
    with (tmp_path / "run" / METRICS).open("a") as file:
        file.write('{"kind": "epo')  # killed in the middle of a line
    assert [e["kind"] for e in read_metrics(tmp_path / "run")] == ["epoch", "final"]


def test_lines_of_steps_wait_for_one_another_but_not_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("archspec.runtime.run_folder.time.perf_counter", lambda: now)
    folder = RunFolder.create(tmp_path / "run", "net")

    def seen() -> list[int]:
        return [line["step"] for line in read_metrics(tmp_path / "run")]

    folder.log("step", {"step": 1}, soon=True)
    assert seen() == [1]  # the first is there at once
    folder.log("step", {"step": 2}, soon=True)
    assert seen() == [1]
    now += HELD
    folder.log("step", {"step": 3}, soon=True)
    assert seen() == [1, 2, 3]
    folder.log("step", {"step": 4}, soon=True)
    folder.log("epoch", {"step": 5})
    assert seen() == [1, 2, 3, 4, 5]
    folder.log("step", {"step": 6}, soon=True)
    assert folder.position() == (tmp_path / "run" / METRICS).stat().st_size
    assert seen()[-1] == 6  # a checkpoint says how far the file goes
    folder.log("step", {"step": 7}, soon=True)
    folder.close()
    assert seen()[-1] == 7


def test_what_is_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        read_facts(tmp_path)
    for text in ("[]", "{", "[" * 100_000, "\xff"):
        (tmp_path / "run.json").write_text(text, encoding="latin-1")
        with pytest.raises(RunError):
            read_facts(tmp_path)
