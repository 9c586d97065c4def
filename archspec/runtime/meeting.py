"""What the processes that start together agree on, through a store that outlives them.

A store of torchrun's keeps what processes said that are dead by now, and those that are started again must not find
their addresses. How often a process was started does not tell them apart: where several agents start processes, the
one whose process has failed counts a restart, and the others a new member (torch.distributed.elastic, PyTorch 2.13).
"""

from __future__ import annotations

import time
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

from torch.distributed.distributed_c10d import Store

_PAUSE = 0.05  # seconds


def agreed(store: Store, rank: int, size: int, patience: timedelta) -> str:
    """A name that all `size` processes have got, and none before them. Raises RuntimeError where they do not meet.

    Each says who it is; the first puts together who is there, and again where another has taken a place; all say that
    they are in it. The dead are in it only until their places are taken, and never say so.
    """
    own, places = uuid4().hex, [f"here-{number}" for number in range(size)]
    store.set(places[rank], own)
    deadline = time.monotonic() + patience.total_seconds()
    proposed, said = "", set[str]()
    while time.monotonic() < deadline:
        if rank == 0:
            there = b",".join(store.multi_get(places)).decode()
            if there != proposed:
                store.set("together", there)
        else:
            there = store.get("together").decode()
        proposed = there
        named = there.split(",")
        if len(named) == size and named[rank] == own:
            name = f"run-{sha256(there.encode()).hexdigest()[:16]}"
            count = store.add(name, int(name not in said))
            said.add(name)
            if count == size:
                return name
        time.sleep(_PAUSE)
    raise RuntimeError(f"not all {size} processes have come within {patience}")
