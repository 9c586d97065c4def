"""What all decisions about sizes together may cost: a spec is not trusted to ask for little.

Counted in steps of the innermost loops, so that the answer for a spec is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

MAX_WORK = 3_000_000  # steps in one check; no published network takes a fifth of it, most a thousandth

_left: int | None = None  # None: nobody counts


class WorkSpentError(Exception):
    """The decisions of a check cost too much. No answer follows from it: the check ends."""


@contextmanager
def limited(steps: int = MAX_WORK) -> Iterator[None]:
    """What is charged inside may come to so many steps."""
    global _left
    before, _left = _left, steps
    try:
        yield
    finally:
        _left = before


def charge(steps: int) -> None:
    """Count steps that are about to be done. Raises WorkSpentError."""
    global _left
    if _left is not None:
        _left -= steps
        if _left < 0:
            raise WorkSpentError
