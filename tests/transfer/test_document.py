"""What docs/weights.md shows is what happens: its Python runs, and its commands print what stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from archspec.cli.main import main

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\S+\.yaml)\n")


def test_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    commands = 0
    for kind, text in FENCE.findall((ROOT / "docs" / "weights.md").read_text(encoding="utf-8")):
        if kind == "python":
            exec(compile(text, "docs/weights.md", "exec"), {})
        elif kind == "yaml" and (named := FILE.match(text)):
            Path(named[1]).write_text(text, encoding="utf-8")
        elif kind == "console" and "SPEC" not in text:
            command, _, output = text.partition("\n")
            assert main(command.removeprefix("$ archspec ").split()) == 0
            assert capsys.readouterr().out == output
            commands += 1
    assert commands == 2
