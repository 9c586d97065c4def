"""A process of several ends with its exit code, and with all that was to be done at its end."""

from __future__ import annotations

import subprocess
import sys

from tests.runtime.runtime_process import environment

SCRIPT = """
import atexit, threading, time
from archspec.runtime.world import leave
atexit.register(print, "at exit")
threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
print("said", end=" ")
leave(7)
"""


def test_leave() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "said thread\nat exit\n", "")
