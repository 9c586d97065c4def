"""Ctrl-C, SIGTERM and a terminal that is closed, as a request that the training loop answers between two steps."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

ASKED = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # no SIGHUP on Windows
ECHO = 1.0  # seconds


class Stop:
    """`signal` is the number of the signal that asked to stop, or 0."""

    def __init__(self) -> None:
        self.signal = 0

    @property
    def exit_code(self) -> int:
        """128 + signal, as shells report it."""
        return 128 + self.signal if self.signal else 0


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Until it is left, SIGINT, SIGTERM and SIGHUP set `Stop.signal`; a signal that is ignored stays so (`nohup`).

    A second one acts as it would have without us. But for Ctrl-C it must come more than ECHO seconds after the first: a
    launcher hands on a signal that the whole group has got already, and of a closed terminal both the system and the
    shell tell.

    Outside the main thread Python takes no handlers, and signals stay as they were.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before: dict[int, Any] = {}
    first = 0.0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if not stop.signal:
            stop.signal, first = number, time.monotonic()
        elif number == signal.SIGINT or time.monotonic() - first > ECHO:
            for known, handler in before.items():
                signal.signal(known, handler)
            signal.raise_signal(number)

    for known in ASKED:
        if signal.getsignal(known) is not signal.SIG_IGN:
            before[known] = signal.signal(known, handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
