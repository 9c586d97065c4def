"""`archspec check` on several cores says what it says on one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archspec.cli import jobs

ROOT = Path(__file__).parents[2]
CLEAN = 'archspec: 1\nname: clean\ninputs: {x: "float32[B, 8]"}\nlayers:\n  - linear: $(4 * 2)\n'
WRONG = CLEAN.replace("linear: $(4 * 2)", "conv2d: {out_channels: 8, kernel_size: 3}")
WARNED = CLEAN.replace("name: clean", "name: warned\nparams: {unused: 3}")


@pytest.fixture
def several(tmp_path: Path) -> Path:
    folder = tmp_path / "specs"
    folder.mkdir()
    for number in range(9):
        (folder / f"{number:02}.yaml").write_text((CLEAN, WRONG, WARNED)[number % 3])
    return folder


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--format", "json", "--set", "unused=4"],
        ["missing.yaml", "--max-flops", "2", "--at", "B=4", "--ignore", "AS401"],
        ["-", "nothing*.yaml", "-q"],
    ],
)
def test_the_output_is_that_of_one_core(several: Path, archspec: Any, options: list[str]) -> None:
    """To the byte, and the exit code too."""
    one, two = (archspec("check", "--jobs", n, several, *options, stdin=WRONG) for n in ("1", "2"))
    assert one.stdout
    assert (one.returncode, one.stdout, one.stderr) == (two.returncode, two.stdout, two.stderr)


def test_a_baseline_counts_through_all(several: Path, archspec: Any, tmp_path: Path) -> None:
    archspec("check", several, "--write-baseline", "--jobs", "3")
    (several / "new.yaml").write_text(WARNED)
    (several / "02.yaml").write_text(CLEAN)
    one, two = (archspec("check", several, "--baseline", "archspec-baseline.json", "--jobs", n) for n in ("1", "2"))
    assert (one.returncode, one.stdout, one.stderr) == (two.returncode, two.stdout, two.stderr)
    assert one.stdout.count("warning[AS401]") == 1
    assert "1 warning of the baseline is no longer there" in two.stderr


def test_neither_side_imports_torch(several: Path) -> None:
    """Nor does the process that only hands out names need what a check needs."""
    code = (
        "import sys\nfrom archspec.cli.main import main\n"
        "if __name__ == '__main__':\n"
        f"    assert main(['check', '-q', '--jobs', '2', {str(several)!r}]) == 1\n"
        "    assert 'torch' not in sys.modules and 'archspec.shapes.infer' not in sys.modules\n"
    )
    script = several.parent / "script.py"
    script.write_text(code)
    blocked = several.parent / "without"
    blocked.mkdir()
    (blocked / "torch.py").write_text("raise RuntimeError('torch was imported')\n")
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{blocked}"}
    done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_goes_away(several: Path) -> None:
    command = f"{sys.executable} -m archspec check --jobs 2 {several} | head -1; echo ${{PIPESTATUS[0]}}"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True, check=False)
    assert done.stderr == "" and done.stdout.splitlines()[-1] in ("141", "1")


def test_an_interrupt_ends_all_quietly(tmp_path: Path) -> None:
    """As Ctrl-C does it: the signal goes to the whole group."""
    for number in range(100):
        (tmp_path / f"{number}.yaml").write_text(CLEAN)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "archspec", "check", "--jobs", "2", str(tmp_path)]
    child = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    os.killpg(child.pid, 2)
    started = time.monotonic()
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130 and err == ""
    assert time.monotonic() - started < 30


def test_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the specs pay for; what is asked for, as far as there is work."""
    monkeypatch.setattr(jobs, "_cores", lambda: 8)
    assert [jobs.processes(None, n) for n in (1, jobs.EACH, 2 * jobs.EACH, 3 * jobs.EACH, 10_000)] == [1, 1, 2, 3, 8]
    assert [jobs.processes(4, n) for n in (1, 3, 100)] == [1, 3, 4]
    assert jobs.processes(1, 10_000) == 1


@pytest.mark.parametrize("count", ["0", "-1", "two", "1.5"])
def test_what_is_no_number(archspec_here: Callable[..., Any], count: str) -> None:
    done = archspec_here("check", f"--jobs={count}", "x.yaml")
    assert done.returncode == 2 and "number of processes" in done.stderr
