"""One thread each: there are as many test processes as cores, and threads that wait for one another take their time."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported
