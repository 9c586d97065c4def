"""A file (and what must lie beside it) written in a folder of its own, then renamed into place as a whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def placed(target: Path) -> Iterator[Path]:
    """A path of the target's name in a new folder beside it. On success all that is in the folder takes its place
    beside the target, the target last; on failure nothing does, and nothing is left."""
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield folder / target.name
        made = sorted(folder.iterdir(), key=lambda path: path.name == target.name)
        mode = 0o666 & ~_umask()
        for path in made:
            path.chmod(mode)
            with path.open("rb") as file:
                os.fsync(file.fileno())
        for path in made:
            path.replace(target.parent / path.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
