"""Runs as users have them: processes of their own, in fresh directories; and commands in this process, for all that
does not depend on it: a process that imports torch takes seconds."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from archspec.cli.main import main
from archspec.runtime.checkpoints.store import FOLDER

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "specs" / "digits_cnn.yaml"
# Small and quick, with dropout, so that the random numbers of training matter.
SMALL = ("--set", "channels=[4, 8, 8]")


def plain() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "ARCHSPEC_DEBUG")}


def environment(**more: str) -> dict[str, str]:
    return {**plain(), "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1", **more}


def archspec(*args: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return python("-m", "archspec", *args, cwd=cwd, **more)


def python(*args: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a script or module to its end."""
    return subprocess.run(
        [sys.executable, *map(str, args)],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def here(*args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line within this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err), patch.dict(os.environ, plain(), clear=True):
        code = main([str(arg) for arg in args])
    told = []
    for stream in (out, err):
        stream.seek(0)
        told.append(stream.read())
    return subprocess.CompletedProcess(args, code, *told)


def torchrun(count: int, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`torchrun --nproc-per-node COUNT …` to its end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", str(count), "--master-port", str(port))
    return python(*launcher, *args, cwd=cwd)


def killed(*args: str | Path, run: Path, delay: float) -> None:
    """Begin a run, and kill it so many seconds after its first checkpoint is there. `args`: of the command line."""
    command = [sys.executable, "-m", "archspec", *map(str, args), "--run", str(run)]
    with subprocess.Popen(command, cwd=run.parent, env=environment()) as process:
        deadline = time.monotonic() + 120
        while not list((run / FOLDER).glob("step-*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(delay)
        process.kill()
