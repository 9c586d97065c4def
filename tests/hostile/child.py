"""Work in a process of its own, forked from this one: what it gives, what it cost, and whether it may be shown."""

from __future__ import annotations

import gc
import json
import os
import resource
import traceback
import unicodedata
from collections.abc import Callable
from typing import Any

_UNSHOWN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # categories of characters that drive a terminal, or hide


def in_a_child(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What `work()` gives as JSON, its seconds of processor time, and megabytes beyond those of this process."""
    read, write = os.pipe()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = os.fork()
    if child == 0:
        os.close(read)
        code = 0
        gc.freeze()  # what this process holds is no part of the work
        try:
            start = seconds()
            result = work()
            took = seconds() - start
            with os.fdopen(write, "w") as out:
                json.dump([result, took], out)
        except BaseException:
            traceback.print_exc()
            code = 99
        os._exit(code)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    _, status, usage = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "the work was ended by a signal or an exception"
    result, took = json.loads(text)
    return result, took, max(0, usage.ru_maxrss - before) / 1024


def seconds() -> float:
    """Of processor time that this process has taken."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def unshown(text: str) -> set[str]:
    """Characters of a text, line breaks aside, that may not reach a terminal."""
    return {c for c in text if c != "\n" and unicodedata.category(c) in _UNSHOWN}
