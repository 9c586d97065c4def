"""Pages of memory that a later round finds where an earlier one has left them."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from runtime_process import python

from archspec.runtime.heap import SETTINGS

ROUNDS = """\
import ctypes, resource, sys
from archspec.runtime.heap import keep_freed_memory

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
kept = keep_freed_memory() if sys.argv[1] == "keep" else None
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [libc.malloc(2**20) for _ in range(100)]
    for block in blocks:
        ctypes.memset(block, 1, 2**20)
    for block in reversed(blocks):
        libc.free(block)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(kept, faults)
"""
PAGES = 100 * 2**20 // 4096
pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")


def rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, **more: str) -> tuple[str, int]:
    """What `keep_freed_memory` says, and the page faults of the last round."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    done = python("-c", ROUNDS, way, cwd=tmp_path, **more)
    assert done.returncode == 0, done.stderr
    said, faults = done.stdout.split()
    return said, int(faults)


def test_freed_memory_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rounds(tmp_path, monkeypatch, "plain")[1] > PAGES / 2
    said, faults = rounds(tmp_path, monkeypatch, "keep")
    assert said == "True" and faults < PAGES / 50


def test_settings_of_the_environment_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, faults = rounds(tmp_path, monkeypatch, "keep", MALLOC_TRIM_THRESHOLD_="65536")
    assert said == "False" and faults > PAGES / 2
