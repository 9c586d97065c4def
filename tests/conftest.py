"""What every process of the tests begins with."""

from __future__ import annotations

import os

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # as many processes as cores; threads that wait for one another take their time

from archspec.diagnostics import suggest  # after it: nothing of torch may come before


@pytest.fixture(autouse=True)
def _a_check_begins() -> None:
    """A test of one stage alone looks words up as the first of a check, whatever other tests have asked for."""
    suggest.begin()
