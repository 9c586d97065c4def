"""Files replaced as a whole: written beside, flushed to the disk, renamed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from archspec.cli.output import UsageError


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


def check_target(path: Path) -> None:
    """Raise UsageError where no file of this name can be written."""
    if path.is_dir():
        raise UsageError(f"`{path}` is a directory")
    if not path.parent.is_dir():
        raise UsageError(f"there is no directory `{path.parent}`")


def write_output(path: Path, text: str) -> None:
    """`write_text` for what a command makes; a device or pipe is written to as it is. Raises UsageError."""
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as device:
                device.write(text.encode())
        else:
            write_text(path, text)
    except OSError as wrong:
        raise UsageError(f"`{path}` cannot be written: {wrong.strerror or wrong}") from None
