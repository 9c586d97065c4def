"""Checks of many specs on several cores: the outcomes come in the order of the names, as on one core.

Workers are processes begun afresh (the way that every system has), so they cost what a command costs to begin: they
are used where there are enough specs to pay for it. A repair writes files that specs may share: it goes one by one.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any

from archspec.cli.output import UsageError

if TYPE_CHECKING:
    from archspec.cost.budget import Budget
    from archspec.diagnostics.outcome import Outcome
    from archspec.diagnostics.select import Selection

EACH = 20  # specs for which it pays to begin one more process
MOST = 60  # Windows waits for no more
AT_ONCE = 4  # specs that a process is given together


def add_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-j",
        "--jobs",
        metavar="N",
        type=_count,
        help="check in N processes; the output is the same (default: as many as there are cores, where there are "
        "specs enough to pay for them)",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--jobs {text}: it is a number of processes, at least 1")
    return int(text)


def processes(asked: int | None, specs: int) -> int:
    """How many to use for so many specs; 1: this one."""
    return max(1, min(asked or min(_cores(), specs // EACH), specs, MOST))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # those that this process may use
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def outcomes(
    names: Sequence[str], params: dict[str, Any], selection: Selection, limits: Budget | None, jobs: int
) -> Iterator[Outcome]:
    """The outcome of each, all its findings in it. Raises UsageError where the system ends a worker."""
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    from archspec.cli.specs import STDIN

    check = partial(_check, params=params, selection=selection, limits=limits)
    pool = ProcessPoolExecutor(jobs, get_context("spawn"))
    try:
        with _interrupts_passed_over():
            found = pool.map(check, [name for name in names if name != STDIN], chunksize=AT_ONCE)
        for name in names:
            yield check(name) if name == STDIN else next(found)
    except BrokenProcessPool:
        raise UsageError(
            "a process that checks was ended by the system", "help: with --jobs 1 there are none"
        ) from None
    finally:
        pool.shutdown(wait=sys.exc_info()[0] is None, cancel_futures=True)


@contextmanager
def _interrupts_passed_over() -> Iterator[None]:
    """Ctrl-C is for this process to answer: those that it begins meanwhile inherit that they pass it over."""
    if current_thread() is not main_thread():  # where no handler can be set
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _check(name: str, params: dict[str, Any], selection: Selection, limits: Budget | None) -> Outcome:
    from archspec.cli.check import check_one

    return check_one(name, params, selection, limits)
