"""What all commands share: help, errors of use, colour, how a run ends."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = ("check", "fmt", "show", "diff", "compile", "train", "predict", "ops", "explain")
OPS = ["conv2d"] * 200  # more than a pipe holds
SPEC = ROOT / "specs" / "tutorial" / "tutorial_mlp.yaml"


def test_help(archspec: Any) -> None:
    done = archspec("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert command in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(archspec: Any, command: str) -> None:
    done = archspec(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: archspec {command}")


def test_version(archspec: Any) -> None:
    done = archspec("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("archspec 0.")


@pytest.mark.parametrize(
    "args",
    [
        ("chek", SPEC),
        ("check",),
        ("check", "--no-such-option", SPEC),
        ("show",),
        ("compile",),
        ("check", "--color", "red", SPEC),
    ],
)
def test_errors_of_use(archspec: Any, args: tuple[Any, ...]) -> None:
    done = archspec(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error[AS901]: ")
    assert "Traceback" not in done.stderr


def test_nothing_asked(archspec: Any) -> None:
    done = archspec()
    assert done.returncode == 2
    assert "usage: archspec" in done.stdout


def test_unknown_command_is_guessed(archspec: Any) -> None:
    assert "did you mean `check`?" in archspec("chek").stderr


def test_colour(archspec: Any) -> None:
    """Off in a pipe, on when asked for, and NO_COLOR only settles `auto`."""
    assert "\x1b[" not in archspec("check", SPEC).stdout
    assert "\x1b[" in archspec("check", "--color", "always", SPEC).stdout
    assert "\x1b[" not in archspec("check", "--color", "never", SPEC).stdout
    bad = "archspec: 1\nlayers: [reluu]\n"
    assert "\x1b[" in archspec("check", "--color=always", "-", stdin=bad).stdout
    assert "\x1b[" not in archspec("check", "-", stdin=bad, env={"NO_COLOR": "1"}).stdout


def test_a_terminal_that_knows_only_ascii(archspec: Any) -> None:
    done = archspec("check", SPEC, env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "float32[B, 10]" in done.stdout.rpartition(" -> ")[2], "the arrow in ASCII"
    assert "\\u" not in done.stdout
    assert done.stderr == ""


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    """`archspec ops conv2d … | head -1` says nothing of a broken pipe."""
    process = subprocess.Popen(
        [sys.executable, "-m", "archspec", "ops", *OPS],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait(60)


def test_interrupt(tmp_path: Path) -> None:
    """Ctrl-C while waiting for standard input ends without a traceback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "archspec", "check", "-"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, err) == (b"", b"")


def test_internal_error(tmp_path: Path) -> None:
    """A bug of ours is two lines, and a traceback for those who ask."""
    script = (
        "import archspec.cli.check as c, archspec.cli.main as m\n"
        "def run(args): raise ZeroDivisionError('oh')\n"
        "c.run = run\n"
        f"raise SystemExit(m.main(['check', {str(SPEC)!r}]))\n"
    )
    for debug in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "ARCHSPEC_DEBUG": debug}, capture_output=True,
            text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 2
        assert "error[AS902]: internal error (ZeroDivisionError: oh); please report it" in done.stderr
        assert ("Traceback" in done.stderr) == (debug == "1")


@pytest.mark.parametrize(("redirect", "code", "message"), [("> /dev/full", 2, "error[AS901]"), (">&-", 0, "")])
def test_output_that_cannot_be_written(redirect: str, code: int, message: str) -> None:
    """A full disk is the machine's failure, not a bug of ours; closed output is no failure."""
    command = f"{shlex.quote(sys.executable)} -m archspec check {shlex.quote(str(SPEC))} {redirect}"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code
    assert done.stderr.startswith(message)
    assert "AS902" not in done.stderr
