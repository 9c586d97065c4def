"""A run that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from runtime_process import DIGITS, SMALL, archspec


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two epochs on the digits."""
    where = tmp_path_factory.mktemp("digits")
    done = archspec("train", DIGITS, *SMALL, "--epochs", "2", cwd=where)
    assert done.returncode == 0, done.stderr
    return where / "runs" / "digits_cnn-1"
