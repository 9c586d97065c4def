"""Standard output and error that are closed, cut off, full, or a terminal; and what the environment says of colours."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SETTINGS

from archspec.cli.streams import wants_color

ROOT = Path(__file__).parents[2]
ARCHSPEC = f"{shlex.quote(sys.executable)} -m archspec"
SPECS = "specs/vision"
# More than a pipe holds, written at once.
MANY = """{ printf 'archspec: 1\ninputs: {x: "float32[B]"}\nlayers:\n'; printf '  - relu_%s\n' {1..400}; }"""
BAD = 'archspec: 1\nname: "caf\u00e9 \u2603"\ninputs: {x: "float32[B, 3]"}\nlayers: [reluu]\n'


def shell(command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A line of bash, with the status of the first command of a pipe."""
    plain = {k: v for k, v in os.environ.items() if k not in SETTINGS}
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=ROOT, env={**plain, **env}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (f"{ARCHSPEC} check {SPECS} {SPECS} | head -1", 0),
        (f"{MANY} | {ARCHSPEC} check --format json - | head -c 1", 1),
        (f"{ARCHSPEC} ops | true", 0),
        (f"{ARCHSPEC} check nowhere.yaml 2>&1 | true", 2),
    ],
)
def test_a_reader_that_leaves_is_no_failure_of_ours(command: str, status: int) -> None:
    """The status is that of a process that SIGPIPE ends, or of the command if all was written before."""
    done = shell(command)
    assert done.returncode in (141, status)
    assert done.stderr == ""


@pytest.mark.parametrize(
    "args",
    [
        ("check", f"{SPECS}/resnet18.yaml"),
        ("show", f"{SPECS}/resnet18.yaml"),
        ("diff", f"{SPECS}/resnet18.yaml", f"{SPECS}/resnet34.yaml"),
        ("compile", f"{SPECS}/resnet18.yaml"),
        ("explain", "AS302"),
        ("fmt", "-"),
    ],
)
def test_the_status_of_a_pipe_that_is_cut_off(args: tuple[str, ...]) -> None:
    """With a reader that is surely gone before anything is written."""
    reader, writer = os.pipe()
    os.close(reader)
    with (ROOT / SPECS / "resnet18.yaml").open("rb") as spec:
        done = subprocess.run(
            [sys.executable, "-m", "archspec", *args],
            cwd=ROOT, stdin=spec, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60,
        )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_report_is_written_though_nobody_reads_the_text(tmp_path: Path) -> None:
    done = shell(f"{ARCHSPEC} check --format junit -o {shlex.quote(str(tmp_path / 'r.xml'))} specs/tutorial | true")
    assert done.returncode in (141, 0)
    assert (tmp_path / "r.xml").read_text().rstrip().endswith("</testsuites>")
    assert [path.name for path in tmp_path.iterdir()] == ["r.xml"]


@pytest.mark.parametrize(
    "redirect, code",
    [(">&-", 0), ("2>&-", 0), (">&- 2>&-", 0), ("<&-", 0), ("> /dev/full", 2), ("> /dev/full 2> /dev/full", 2)],
)
def test_closed_and_full(redirect: str, code: int) -> None:
    done = shell(f"{ARCHSPEC} check {SPECS}/resnet18.yaml {redirect}")
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "AS902" not in done.stderr


def test_closed_standard_input() -> None:
    done = shell(f"{ARCHSPEC} check - <&-")
    assert done.returncode == 2
    assert done.stderr == "error[AS107]: `-` cannot be read: standard input is closed\n"


def in_terminal(tmp_path: Path, *args: str, **env: str) -> str:
    """What a command prints where all three streams are one terminal."""
    import pty

    main, other = pty.openpty()
    plain = {k: v for k, v in os.environ.items() if k not in (*SETTINGS, "TERM")}
    process = subprocess.Popen(
        [sys.executable, "-m", "archspec", *args],
        cwd=tmp_path, stdin=other, stdout=other, stderr=other,
        env={**plain, "PYTHONPATH": str(ROOT), "TERM": "xterm", **env},
    )  # fmt: skip
    os.close(other)
    out = b""
    try:
        while chunk := os.read(main, 65536):
            out += chunk
    except OSError:  # Linux: the last user of the terminal has gone
        pass
    process.wait(60)
    os.close(main)
    return out.decode("utf-8", "replace")


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_terminal(tmp_path: Path) -> None:
    """Colour there, unless the environment or the command line says no; never in a report of a program."""
    (tmp_path / "bad.yaml").write_text(BAD, encoding="utf-8")
    assert "\x1b[1;31merror[AS202]" in in_terminal(tmp_path, "check", "bad.yaml")
    assert "\x1b[" not in in_terminal(tmp_path, "check", "bad.yaml", NO_COLOR="1")
    assert "\x1b[" not in in_terminal(tmp_path, "check", "bad.yaml", "--format=json")


COLORS = [
    ({}, True, True),
    ({}, False, False),
    ({"NO_COLOR": ""}, True, True),  # no-color.org: when present and not an empty string
    ({"NO_COLOR": "0"}, True, False),
    ({"TERM": "dumb"}, True, False),
    ({"CLICOLOR": "0"}, True, False),
    ({"CLICOLOR": "1"}, False, False),
    ({"CLICOLOR_FORCE": "1"}, False, True),
    ({"CLICOLOR_FORCE": "0"}, False, False),
    ({"CLICOLOR": "0", "CLICOLOR_FORCE": "1"}, False, True),  # bixense.com/clicolors
    ({"FORCE_COLOR": "1"}, False, True),
    ({"FORCE_COLOR": "3", "TERM": "dumb"}, False, True),
    ({"FORCE_COLOR": ""}, False, False),
    ({"FORCE_COLOR": "0"}, True, False),
    ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
]


@pytest.mark.parametrize(("env", "terminal", "wanted"), COLORS)
def test_colours_by_the_environment(
    env: dict[str, str], terminal: bool, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stream:
        def isatty(self) -> bool:
            return terminal

    for name in (*SETTINGS, "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert wants_color(Stream()) is wanted


def test_colours_in_a_pipe() -> None:
    spec = f"{SPECS}/resnet18.yaml"
    assert "\x1b[32mok" in shell(f"{ARCHSPEC} check {spec}", FORCE_COLOR="1").stdout
    assert "\x1b[" not in shell(f"{ARCHSPEC} check --color never {spec}", FORCE_COLOR="1").stdout


def test_ascii(tmp_path: Path) -> None:
    """Our own marks have a form in ASCII; what stands in a spec is escaped."""
    bad = tmp_path / "bad.yaml"
    bad.write_text(BAD.replace("reluu", '"caf\u00e9\u2192"'), encoding="utf-8")
    done = shell(f"{ARCHSPEC} check {shlex.quote(str(bad))}", PYTHONUTF8="0", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.returncode == 1
    assert done.stdout.isascii()
    assert "there is no op `caf\\xe9->`" in done.stdout
    report = shell(f"{ARCHSPEC} check --format junit {shlex.quote(str(bad))}", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "there is no op `caf\u00e9\u2192`" in report.stdout, "a report is UTF-8, as it says"
