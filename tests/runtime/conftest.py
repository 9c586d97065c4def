"""Runs as users have them: processes of their own, in fresh directories."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "specs" / "digits_cnn.yaml"
# Small and quick, with dropout, so that the random numbers of training matter.
SMALL = ("--set", "channels=[4, 8, 8]")
Process = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(**more: str) -> dict[str, str]:
    plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "ARCHSPEC_DEBUG")}
    return {**plain, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1", **more}


def archspec(*args: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "archspec", *map(str, args)],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two epochs on the digits."""
    where = tmp_path_factory.mktemp("digits")
    done = archspec("train", DIGITS, *SMALL, "--epochs", "2", cwd=where)
    assert done.returncode == 0, done.stderr
    return where / "runs" / "digits_cnn-1"
