"""Processes that are killed in the middle of a save or of a run. Forked from one that has imported everything.

python crash_process.py save RUN      saves step 1, and for each line `N` of its input forks a process that saves
                                      step 2 over it and waits to be traced; prints its number, then how it ended
python crash_process.py train SPEC FOLDER KILLS SEED
                                      runs `archspec train` over and over, killed at random moments
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

import archspec.runtime.session  # noqa: F401 - imported before the processes are forked
from archspec.cli.main import main
from archspec.data.arrays import digits
from archspec.runtime.checkpoints.pack import pack
from archspec.runtime.checkpoints.store import begin, finish, newest, prune


def tree(step: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(step)
    return {"step": step, "weights": {name: torch.randn(50, 20, generator=generator) for name in "abc"}}


def save(run: Path, step: int) -> None:
    data, tensors = pack(tree(step))
    finish(begin(run, step, {"best.safetensors": run / "best"}), step, data, tensors)
    prune(run, 1)


def whole(run: Path) -> int | None:
    """The step of the newest checkpoint that is whole and holds what was saved."""
    found, _ = newest(run)
    if found is None:
        return None
    read = found.read()
    wanted = tree(found.step)
    same = all(torch.equal(read["weights"][name], wanted["weights"][name]) for name in "abc")
    return found.step if same and read["step"] == found.step else None


def saves(run: Path) -> None:
    for line in sys.stdin:
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        (run / "best").write_bytes(b"best weights")
        save(run, 1)
        again = int(line)  # the step that is saved: 2, or 1 once more
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
            try:
                save(run, again)
            except OSError:
                os._exit(3)
            except BaseException:
                os._exit(4)
            os._exit(0)
        os.waitpid(child, os.WUNTRACED)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status), "whole": whole(run)}), flush=True)


def run_in_child(spec: str, run: Path) -> int:
    """Begin `archspec train` in a process of its own group, with the workers that it starts."""
    child = os.fork()
    if child == 0:
        code = 4
        try:
            with suppress(OSError):
                os.setpgid(0, 0)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            code = main(["train", spec, "--run", str(run), "-q"])
        finally:
            os._exit(code)
    with suppress(OSError):
        os.setpgid(child, child)
    return child


def trains(spec: str, folder: Path, kills: int, seed: int) -> None:
    """Prints a line a finished run, and last how often a checkpoint was missing after a kill."""
    digits()  # read once, before the processes are forked
    dice = random.Random(seed)
    start = time.monotonic()
    os.waitpid(run_in_child(spec, folder / "first"), 0)
    longest = time.monotonic() - start  # of a run that nothing interrupts
    done = killed = 0
    while killed < kills:
        run = folder / f"r{done}"
        begun = False
        while True:
            child = run_in_child(spec, run)
            time.sleep(dice.uniform(0.0, longest))
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                if code:
                    print(json.dumps({"failed": code}), flush=True)
                    return
                break
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            killed += 1
            found, _ = newest(run)
            if found is None and begun:
                print(json.dumps({"lost": killed}), flush=True)
                return
            begun = begun or found is not None
            if (run / "run.json").is_file() and json.loads((run / "run.json").read_text())["status"] == "done":
                break
        done += 1
    print(json.dumps({"runs": done, "kills": killed}), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "save":
        saves(Path(sys.argv[2]))
    else:
        trains(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
