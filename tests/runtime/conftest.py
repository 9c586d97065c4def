"""A run that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from runtime_process import DIGITS, SMALL, archspec


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two epochs on the digits; what was printed is in `stdout` beside `runs`."""
    where = tmp_path_factory.mktemp("digits")
    done = archspec("train", DIGITS, *SMALL, "--epochs", "2", cwd=where)
    assert done.returncode == 0, done.stderr
    (where / "stdout").write_text(done.stdout, encoding="utf-8")
    return where / "runs" / "digits_cnn-1"
