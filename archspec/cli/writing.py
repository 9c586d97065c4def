"""Files replaced as a whole: written beside, flushed to the disk, renamed."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Replace what the path leads to (a link stays a link), or make it; UTF-8, line breaks as they are. Raises OSError.

    Permissions stay. A file that may not be written is refused, even where its folder would allow it.
    """
    target = Path(os.path.realpath(path))
    mode = None
    if target.exists():
        mode = stat.S_IMODE(target.stat().st_mode)
        if not mode & 0o222 or not os.access(target, os.W_OK):
            raise PermissionError(13, "it is read-only", str(path))
    staged = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with staged.open("xb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            staged.chmod(mode)
        staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)
