"""Memory of the processor that a step frees and the next one takes again.

glibc gives the end of its heap back to the system when enough of it is free, and maps large blocks anew each time. A
step of training frees its activations and gradients, so that the next one finds every page of them not there, which
takes a twentieth of a step of a small network.
"""

from __future__ import annotations

import ctypes
import os
import sys

# mallopt(3), of <malloc.h>
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
NEVER = -1
LARGEST = 1 << 25  # bytes of a block that comes from the heap, the most that glibc takes; larger ones go back at once
SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_MAX_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, in blocks of up to 32 MiB, for what it allocates next, until it ends.

    Does nothing, and returns False, where the C library is not glibc, or the environment has settings of its own.
    """
    if sys.platform != "linux" or any(name in os.environ for name in SETTINGS):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):  # the numbers above are glibc's
        return False
    return all([library.mallopt(M_MMAP_THRESHOLD, LARGEST), library.mallopt(M_TRIM_THRESHOLD, NEVER)])
