"""Specs as they stand in a git revision, with the files that they name taken from the same revision.

git is asked for objects only, by a tree's hash that it has named itself: no filter, hook, pager or remote comes in, and
nothing that is written on a command line or in a spec can be an option of git.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from archspec.reading.text import MAX_BYTES

_GIT = ("git", "--no-pager", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never")
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
_SECONDS = 60
_HASH = re.compile(r"[0-9a-f]{40,64}")
_WHY = {
    "missing": "it is not in that revision",
    "symlink": "it is a link that leads out of the repository",
    "dangling": "it is a link to a file that is not in that revision",
    "loop": "it is a link that leads round to itself",
    "notdir": "a part of its path is no folder",
    "tree": "it is a folder",
    "commit": "it is a submodule",
}


class RevisionError(Exception):
    """There is no such revision, no repository, or no git. `shallow`: the clone was made without its history."""

    def __init__(self, message: str, *, shallow: bool = False) -> None:
        super().__init__(message)
        self.shallow = shallow


class Revision(NamedTuple):
    """A tree of the repository that the folder `here` lies in. `name`: what the user calls it; `tree`: its hash."""

    name: str
    tree: str
    here: Path

    @classmethod
    def find(cls, name: str, here: Path) -> Revision:
        """Raises RevisionError."""
        if not name or name.startswith("-") or not name.isprintable():
            raise RevisionError(f"`{name}` is no revision")
        while not here.is_dir() and here != here.parent:  # the folder may be there in the revision alone
            here = here.parent
        done = _run(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{tree}}"], here)
        tree = done.stdout.decode("ascii", "replace").strip()
        if done.returncode == 0 and _HASH.fullmatch(tree):
            return cls(name, tree, here)
        if _run(["rev-parse", "--git-dir"], here).returncode:
            raise RevisionError("this is no git repository")
        shallow = _run(["rev-parse", "--is-shallow-repository"], here).stdout.strip() == b"true"
        why = " in this clone, which has only the latest of its history" if shallow else ""
        raise RevisionError(f"there is no revision `{name}`{why}", shallow=shallow)

    def path_of(self, written: str) -> str:
        """A path from the root of the repository for one in git's form: from the root, or `./…` from `here`.

        Raises RevisionError for one outside.
        """
        if written.startswith(("./", "../")) or written in (".", ".."):
            done = _run(["rev-parse", "--show-prefix"], self.here)
            written = os.fsdecode(done.stdout.removesuffix(b"\n")) + written
        path = os.path.normpath(written)
        if path.startswith(("../", "/")) or path in ("..", "."):
            raise RevisionError(f"`{written}` is no file of the repository")
        return path

    def tracked(self, file: Path) -> str:
        """The path from the root of the repository of a file in the working directory. Raises RevisionError."""
        done = _run(["rev-parse", "--show-toplevel"], self.here)
        top = os.fsdecode(done.stdout.removesuffix(b"\n"))
        path = os.path.relpath(os.path.join(os.path.realpath(file.parent), file.name), top)  # noqa: PTH118
        if done.returncode or path.startswith(".."):
            raise RevisionError(f"`{file}` is no file of the repository")
        return path

    # -- as the source of a spec's files (see files.py) ---------------------------------------------------------------

    def join(self, by: str, written: str) -> str:
        """The name, in messages, of a file that the file called `by` names."""
        folder = os.path.dirname(by.removeprefix(f"{self.name}:"))  # noqa: PTH120
        return f"{self.name}:{os.path.normpath(os.path.join(folder, written))}"  # noqa: PTH118

    def identity(self, path: str) -> str:
        return path

    def content(self, path: str) -> bytes:
        """What a file holds. Raises OSError, also for what is larger than a spec may be."""
        if path.startswith(("../", "/")) or path == "..":
            raise OSError(None, "it lies outside the repository")
        if not path.isprintable():
            raise OSError(None, "its name cannot be asked for")
        asked = f"{self.tree}:{path}\n".encode("utf-8", "surrogateescape")
        try:
            found = _run(["cat-file", "--batch-check", "--follow-symlinks"], self.here, asked).stdout
            first = found.partition(b"\n")[0].decode("utf-8", "replace").split(" ")
            if len(first) < 3 or not _HASH.fullmatch(first[0]) or first[1] != "blob":
                kind = next(
                    (word for word in (first[-1], first[0], first[1] if len(first) > 1 else "") if word in _WHY), ""
                )
                raise OSError(None, _WHY.get(kind, "git does not give it"))
            if int(first[2]) > MAX_BYTES:
                raise OSError(None, f"it is larger than {MAX_BYTES // 1024} KiB")
            done = _run(["cat-file", "blob", first[0]], self.here)
        except RevisionError as wrong:
            raise OSError(None, str(wrong)) from None
        if done.returncode:
            raise OSError(None, "git does not give it")
        return done.stdout


def _run(args: list[str], folder: Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run git on the repository of a folder. Raises RevisionError where it cannot be run."""
    try:
        return subprocess.run(
            [*_GIT, *args],
            cwd=folder,
            input=given,
            capture_output=True,
            env={**os.environ, **_QUIET},
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise RevisionError("git is not installed") from None
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise RevisionError(f"git cannot be run: {failure}") from None
