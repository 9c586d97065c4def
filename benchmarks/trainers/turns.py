"""Several ways to train an epoch, each in a process of its own, timed in turn and compared round by round.

In one process each would find the heap as the one before it has left it, which makes a tenth of the time.
"""

from __future__ import annotations

import multiprocessing
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from multiprocessing.connection import Connection
from typing import NamedTuple

import torch

from archspec.runtime.precision import exact_float32
from benchmarks.trainers.task import Task, Took


class Turns(NamedTuple):
    """Seconds of every way, round by round, and why a way is not here."""

    taken: dict[str, list[Took]]
    missing: dict[str, str]


def interleaved(task: Task, ways: dict[str, str], rounds: int) -> Turns:
    """`ways`: modules of this folder by their names. The order turns by one each round; the first does not count."""
    with _processes(task, ways) as (there, missing):
        names = list(there)
        taken: dict[str, list[Took]] = {name: [] for name in names}
        for turn in range(rounds + 1):
            for k in range(len(names)):
                name = names[(k + turn) % len(names)]
                there[name].send(True)
                took = there[name].recv()
                if turn:
                    taken[name].append(took)
    return Turns(taken, missing)


@contextmanager
def _processes(task: Task, ways: dict[str, str]) -> Iterator[tuple[dict[str, Connection], dict[str, str]]]:
    context = multiprocessing.get_context("spawn")
    there: dict[str, Connection] = {}
    missing: dict[str, str] = {}
    children = []
    for name, module in ways.items():
        ours, theirs = context.Pipe()
        children.append(context.Process(target=_serve, args=(module, task, torch.get_num_threads(), theirs)))
        children[-1].start()
        theirs.close()
        if why := ours.recv():
            missing[name] = why
        else:
            there[name] = ours
    try:
        yield there, missing
    finally:
        for connection in there.values():
            connection.send(False)
        for child in children:
            child.join()


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
        while asked.recv():
            asked.send(epoch(task))


def ratio(of: list[Took], to: list[Took]) -> str:
    """Median and quartiles of the ratios round by round: of processor time, then of time on the wall."""
    texts = []
    for name in ("processor", "wall"):
        pairs = [(getattr(a, name), getattr(b, name)) for a, b in zip(of, to, strict=True)]
        low, middle, high = statistics.quantiles([a / b for a, b in pairs], n=4)
        texts.append(f"{name} {middle:.3f} ({low:.3f} to {high:.3f})")
    return ", ".join(texts)
