"""Standard output and standard error of a run, which goes on where nobody reads them any more."""

from __future__ import annotations

import os
from typing import Any, TextIO


class Heard:
    """A stream as long as it can be written to. When it no longer can (a pipe whose reader has gone, a terminal that
    was closed, a full disk), what is written goes nowhere, also what others write to it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except OSError:
            self._drop()
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._drop()

    def _drop(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
