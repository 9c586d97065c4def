"""Several ways to train an epoch, each in a process of its own, compared round by round.

In one process each would find the heap as the one before it has left it. On a processor, whose speed may vary within
seconds where others share it, all train their epoch at once, a tenth of a second each in turn while the others are
stopped, and the processor's time is what counts. On a GPU they train one after another, and the wall's time counts.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import NamedTuple

import torch

from archspec.runtime.precision import exact_float32
from benchmarks.trainers.task import Task, Took

SLICE = 0.1  # seconds


class Turns(NamedTuple):
    """Seconds of every way, round by round, and why a way is not here."""

    taken: dict[str, list[float]]
    missing: dict[str, str]


class Way(NamedTuple):
    """A process that trains an epoch when it is asked to."""

    process: BaseProcess
    asked: Connection

    def signal(self, number: int) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)


def interleaved(task: Task, ways: dict[str, str], rounds: int) -> Turns:
    """`ways`: modules of this folder by their names. The order turns by one each round; the first does not count."""
    with _processes(task, ways) as (there, missing):
        names = list(there)
        taken: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(rounds + 1):
            order = [names[(k + turn) % len(names)] for k in range(len(names))]
            each = _in_turn(there, order) if task.device.type == "cuda" else _sliced(there, order)
            for name, seconds in each.items():
                if turn:
                    taken[name].append(seconds)
    return Turns(taken, missing)


def _in_turn(there: dict[str, Way], order: list[str]) -> dict[str, float]:
    found = {}
    for name in order:
        there[name].asked.send(None)
        took: Took = there[name].asked.recv()
        found[name] = took.wall
    return found


def _sliced(there: dict[str, Way], order: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in order:
        there[name].signal(signal.SIGSTOP)
        there[name].asked.send(None)
    while len(found) < len(order):
        for name in order:
            if name in found:
                continue
            there[name].signal(signal.SIGCONT)
            if there[name].asked.poll(SLICE):
                took: Took = there[name].asked.recv()
                found[name] = took.processor
            else:
                there[name].signal(signal.SIGSTOP)
    return found


@contextmanager
def _processes(task: Task, ways: dict[str, str]) -> Iterator[tuple[dict[str, Way], dict[str, str]]]:
    context = multiprocessing.get_context("spawn")
    there: dict[str, Way] = {}
    missing: dict[str, str] = {}
    try:
        for name, module in ways.items():
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(module, task, torch.get_num_threads(), theirs), daemon=True)
            process.start()
            theirs.close()
            if why := ours.recv():
                missing[name] = why
            else:
                there[name] = Way(process, ours)
        yield there, missing
    finally:
        for way in there.values():
            way.process.kill()
            way.process.join()


def _serve(module: str, task: Task, threads: int, asked: Connection) -> None:
    """An epoch whenever it is asked for; in float32 by its full precision."""
    torch.set_num_threads(threads)
    try:
        epoch = import_module(f"benchmarks.trainers.{module}").epoch
    except ImportError as error:
        asked.send(str(error))
        return
    asked.send("")
    with exact_float32():
        while True:  # until it is killed
            asked.recv()
            asked.send(epoch(task))


def ratio(of: list[float], to: list[float]) -> str:
    """Median and quartiles of the ratios round by round."""
    low, middle, high = statistics.quantiles([a / b for a, b in zip(of, to, strict=True)], n=4)
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"
