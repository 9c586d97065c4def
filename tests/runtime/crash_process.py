"""Processes that are killed in the middle of a save or of a run. Forked from one that has imported everything.

python crash_process.py save RUN      saves step 1, and for each line `N` of its input forks a process that saves
                                      step 2 over it and waits to be traced; prints its number, then how it ended
python crash_process.py train SPEC FOLDER KILLS SEED PROCESSES
                                      runs `archspec train` to its end, and then over and over, killed at random moments
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
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


def run_in_children(spec: str, run: Path, count: int) -> list[int]:
    """Begin `archspec train` in so many processes, as torchrun starts them, in a group of their own (with the workers
    that they start). The first is that of rank 0, and its number that of the group.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children: list[int] = []
    for rank in range(count):
        group = children[0] if children else 0
        child = os.fork()
        if child == 0:
            code = 4
            try:
                with suppress(OSError):
                    os.setpgid(0, group)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                if count > 1:
                    known = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_PORT": port}
                    os.environ.update({key: str(value) for key, value in known.items()}, MASTER_ADDR="127.0.0.1")
                code = main(["train", spec, "--run", str(run), "-q"])
            finally:
                os._exit(code)
        with suppress(OSError):
            os.setpgid(child, group or child)
        children.append(child)
    return children


def ended(children: list[int]) -> int:
    """Wait for all; the first exit code that is not 0, or 0."""
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    return next((code for code in codes if code), 0)


def killed(children: list[int], dice: random.Random) -> None:
    """Kill one of them, and the others a moment later."""
    if len(children) > 1:
        with suppress(ProcessLookupError):
            os.kill(dice.choice(children), signal.SIGKILL)
        time.sleep(dice.uniform(0.0, 0.1))
    with suppress(ProcessLookupError):
        os.killpg(children[0], signal.SIGKILL)
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    ended(children)


def trains(spec: str, folder: Path, kills: int, seed: int, count: int) -> None:
    """Prints last how many runs came to their end and how many kills they took, or that a checkpoint was missing."""
    digits()  # read once, before the processes are forked
    dice = random.Random(seed)
    start = time.monotonic()
    if code := ended(run_in_children(spec, folder / "first", count)):
        print(json.dumps({"failed": code}), flush=True)
        return
    longest = time.monotonic() - start  # of a run that nothing interrupts
    done = taken = 0
    while taken < kills:
        run = folder / f"r{done}"
        begun = False
        while True:
            children = run_in_children(spec, run, count)
            time.sleep(dice.uniform(0.0, longest))
            if os.waitid(os.P_PID, children[0], os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                if code := ended(children):
                    print(json.dumps({"failed": code}), flush=True)
                    return
                break
            killed(children, dice)
            taken += 1
            found, _ = newest(run)
            if found is None and begun:
                print(json.dumps({"lost": taken}), flush=True)
                return
            begun = begun or found is not None
            if (run / "run.json").is_file() and json.loads((run / "run.json").read_text())["status"] == "done":
                break
        done += 1
    print(json.dumps({"runs": done, "kills": taken}), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "save":
        saves(Path(sys.argv[2]))
    else:
        trains(sys.argv[2], Path(sys.argv[3]), *map(int, sys.argv[4:]))
