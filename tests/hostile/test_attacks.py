"""Specs that were written to do harm: each gets its diagnostic, in bounded time and memory, and touches nothing.

`attacks/NAME.yaml` goes with `attacks/NAME.txt`, the codes of its errors a line each; none: a strange spec, and a sound
one. Every check runs in a process of its own, forked from one that has imported archspec.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from archspec.cli.main import main
from tests.hostile.child import in_a_child, unshown
from tests.hostile.fuzz import TARGETS

HERE = Path(__file__).parent
ATTACKS = HERE / "attacks"
NAMES = sorted(path.stem for path in ATTACKS.glob("*.yaml"))
SECONDS, MEGABYTES = 1.0, 200
FORMATS = ("text", "json", "github", "gitlab", "sarif", "junit")
# What a check may do: read files below this folder, and Python's own.
HARMLESS = {"open", "compile", "import", "exec", "marshal.loads", "object.__getattr__", "sys._getframe"}
FORBIDDEN = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "ctypes.", "shutil.", "os.remove",
    "os.rename", "os.mkdir", "os.chmod", "urllib.", "http.", "ftplib.", "pickle.", "code.__new__", "webbrowser.",
)  # fmt: skip


def watched(path: Path) -> dict[str, Any]:
    """Check one spec under an audit hook: its codes, the text shown, and what was touched that must not be."""
    touched: list[str] = []
    allowed = (str(ATTACKS), str(Path(sys.prefix).resolve()), sys.base_prefix, str(Path(__file__).parents[2]))
    on = True

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if not on:
            return
        if event == "open" and isinstance(args[0], (str, bytes)):
            file = os.path.realpath(os.fsdecode(args[0]))
            writing = args[1] is not None and any(letter in str(args[1]) for letter in "wax+")
            if writing or not file.startswith(allowed):
                touched.append(f"open {file}")
        elif event.startswith(FORBIDDEN) and event not in HARMLESS:
            touched.append(event)

    os.chdir(ATTACKS)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        sys.addaudithook(hook)
        code = main(["check", path.name, "--format", "json"])
        on = False
        sys.stdout.flush()
        sys.stderr.flush()
        for file in (out, err):
            file.seek(0)
        report, complaints = json.load(out), err.read()
    found = sorted({d["code"] for spec in report["specs"] for d in spec["diagnostics"] if d["severity"] == "error"})
    return {"code": code, "found": found, "touched": touched, "err": complaints, "text": json.dumps(report)}


@pytest.mark.parametrize("name", NAMES)
def test_attack(name: str) -> None:
    wanted = (ATTACKS / f"{name}.txt").read_text().split()
    answer, seconds, megabytes = in_a_child(lambda: watched(ATTACKS / f"{name}.yaml"))
    # What a spec names to extend or to train on is opened, and read; of these nothing is there, or nothing is shown.
    names_files = name.startswith(("extends_", "data_"))
    assert [event for event in answer["touched"] if not (names_files and event.startswith("open "))] == []
    assert "root:" not in answer["text"] and "nobody" not in answer["text"]
    assert answer["found"] == wanted
    assert answer["code"] == (1 if wanted else 0) and "Traceback" not in answer["err"]
    assert seconds < 2 * SECONDS, "twice the bound: other tests run beside this one"
    assert megabytes < MEGABYTES


@pytest.mark.parametrize("style", FORMATS)
def test_what_is_shown_drives_nothing(
    style: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """No control character, and no line that GitHub takes for a command, but those that are the report."""
    monkeypatch.chdir(ATTACKS)
    for name in [n for n in NAMES if n.startswith(("name_", "key_", "doc_", "bytes_", "escape_", "output_", "input_"))]:
        main(["check", f"{name}.yaml", "--format", style])
        text = "".join(capfd.readouterr())
        assert not unshown(text), name
        for line in text.split("\n"):
            if line.startswith("::"):
                assert style == "github" and line.startswith(("::error ", "::warning ", "::notice ")), (name, line)


@pytest.mark.parametrize("name", [n for n in NAMES if not (ATTACKS / f"{n}.txt").read_text()])
def test_what_is_strange_and_sound_is_plain_source(name: str) -> None:
    """Emitted source holds names as identifiers and texts as literals: it compiles, and calls nothing when it does."""
    import ast

    from archspec import pipeline

    tree = ast.parse(pipeline.source(ATTACKS / f"{name}.yaml"))
    for node in tree.body:
        assert isinstance(node, (ast.Import, ast.ImportFrom, ast.ClassDef, ast.Expr, ast.FunctionDef)), ast.dump(node)
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert all(module is not None and module.split(".")[0] in ("torch", "math") for module in modules)


def test_there_are_enough() -> None:
    assert len(NAMES) >= 150 and all((ATTACKS / f"{name}.yaml").stat().st_size <= 1 << 16 for name in NAMES)


def test_a_million_inputs() -> None:
    assert sum(target.runs for target in TARGETS.values()) >= 1_000_000
    assert all(any((HERE / "corpora" / name).iterdir()) for name in TARGETS), "each has its corpus"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "part"), [(name, part) for name in TARGETS for part in range(len(TARGETS[name].lengths))]
)
def test_fuzzing(target: str, part: int) -> None:
    """More by hand: `python -m tests.hostile.fuzz check --runs 1000000`."""
    pytest.importorskip("atheris")
    lengths = TARGETS[target].lengths
    runs = TARGETS[target].runs // len(lengths)
    command = [sys.executable, "-m", "tests.hostile.fuzz", target, "--runs", str(runs), "--seed", str(part + 1)]
    command += ["--longest", str(lengths[part])]
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"number_of_executed_units: {runs}\n" in done.stderr
