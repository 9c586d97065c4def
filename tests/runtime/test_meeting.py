"""Processes that start together agree on a name, whatever a store still has of those before them."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from torch.distributed import HashStore, PrefixStore, Store

from archspec.runtime.meeting import agreed

PATIENCE = timedelta(seconds=20)


def together(store: Store, size: int, late: int = -1) -> list[str]:
    """What each of `size` threads gets; one of them comes later."""
    got = [""] * size

    def one(rank: int) -> None:
        if rank == late:
            time.sleep(0.3)
        got[rank] = agreed(PrefixStore("", store), rank, size, PATIENCE)

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


@pytest.mark.parametrize("late", [0, 1, 2])
def test_one_name_each_time_whoever_comes_last(late: int) -> None:
    store = HashStore()
    first, second = together(store, 3), together(store, 3, late)
    assert len(set(first)) == 1 and len(set(second)) == 1 and first != second


def test_those_that_died_before_they_met() -> None:
    store = HashStore()
    for rank in (0, 1):
        with pytest.raises(RuntimeError, match="not all 3 processes"):
            agreed(store, rank, 3, timedelta(seconds=0))
    assert len(set(together(store, 3, late=1))) == 1


def test_fewer_than_before() -> None:
    store = HashStore()
    together(store, 4)
    assert len(set(together(store, 2))) == 1
