"""Files replaced as a whole: written beside, flushed to the disk, renamed."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from archspec.cli.output import UsageError


def writable(path: Path) -> str | None:
    """Why the file that a path leads to may not be replaced, or None. Its folder may allow what the file does not."""
    target = Path(os.path.realpath(path))
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        return None
    except OSError as wrong:
        return wrong.strerror or str(wrong)
    return None if mode & 0o222 and os.access(target, os.W_OK) else "it is read-only"


def write_text(path: Path, text: str) -> None:
    """Replace what the path leads to (a link stays a link), or make it; UTF-8, line breaks as they are. Raises OSError.

    Permissions stay. A file that may not be written is refused, even where its folder would allow it.
    """
    wrong = writable(path)
    if wrong is not None:
        raise PermissionError(13, wrong, str(path))
    write_all({path: text})


def write_all(texts: Mapping[Path, str]) -> None:
    """Replace several files: all are written beside before the first is renamed. Raises OSError."""
    staged: list[tuple[Path, Path]] = []
    try:
        for path, text in texts.items():
            target = Path(os.path.realpath(path))
            beside = target.with_name(f".{target.name}.{os.getpid()}")
            with beside.open("xb") as file:
                staged.append((beside, target))
                file.write(text.encode("utf-8", "surrogatepass"))
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                beside.chmod(stat.S_IMODE(target.stat().st_mode))
        for beside, target in staged:
            beside.replace(target)
    finally:
        for beside, _ in staged:
            beside.unlink(missing_ok=True)


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


def difference(file: str, before: str, after: str) -> str:
    """A unified diff of a file's texts; "" where they are equal."""
    import difflib

    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    lines = difflib.unified_diff(old, new, file, file)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
