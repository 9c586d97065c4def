"""The command line as users meet it: a process of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What the machine that runs the tests may say of colours and of where it keeps a repository.
SETTINGS = (
    "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "ARCHSPEC_DEBUG", "GITHUB_WORKSPACE", "CI_PROJECT_DIR",
)  # fmt: skip
Archspec = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def archspec(tmp_path: Path) -> Archspec:
    """`archspec("check", "a.yaml", cwd=…, stdin=…, env={…})`; the working directory is a fresh one."""

    def run(
        *args: str | Path, stdin: str | bytes = b"", cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        plain = {k: v for k, v in os.environ.items() if k not in SETTINGS}
        done = subprocess.run(
            [sys.executable, "-m", "archspec", *map(str, args)],
            input=stdin if isinstance(stdin, bytes) else stdin.encode(),
            capture_output=True,
            cwd=cwd or tmp_path,
            env={**plain, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **(env or {})},
            timeout=120,
            check=False,
        )
        return subprocess.CompletedProcess(args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def spec(tmp_path: Path) -> Callable[..., Path]:
    """`spec(text)` writes a spec and gives its path."""

    def write(text: str | bytes, name: str = "spec.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def archspec_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """As `archspec`, in this process: for tests of many small commands."""
    from archspec.cli.main import main

    def run(*args: str | Path, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(cwd or tmp_path)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        code = main([str(arg) for arg in args])
        return subprocess.CompletedProcess(args, code, *capsys.readouterr())

    return run
