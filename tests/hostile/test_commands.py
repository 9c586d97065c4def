"""The attacks given to every command that reads a spec, and opened in an editor: each answers, in bounded time and
memory, and shows nothing that drives a terminal.

All is done in one process for each attack; the time is taken command by command.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archspec.cli.main import main
from archspec.editor.server import make_server
from tests.hostile.child import in_a_child, seconds, unshown
from tests.hostile.test_attacks import ATTACKS, MEGABYTES, NAMES, SECONDS

SLACK = 2  # other tests run beside this one
# By what it is called here: its arguments, and how many checks its time is that of. SPEC is the attack, COPY a copy.
COMMANDS = {
    "fmt": (("fmt", "--check", "SPEC"), 1),
    "fmt in place": (("fmt", "COPY"), 1),
    "show": (("show", "SPEC"), 1),
    "compile": (("compile", "SPEC", "-o", "MADE"), 1),
    "fix": (("check", "--fix", "COPY"), 1),
    "unsafe fix": (("check", "--fix", "--unsafe-fixes", "COPY"), 3),  # what is repaired is checked again
    "diff": (("diff", "SPEC", "SPEC", "--all"), 2),
    "diff as Markdown": (("diff", "SPEC", "SPEC", "--all", "--format", "markdown"), 2),
    "diff as JSON": (("diff", "SPEC", "SPEC", "--all", "--format", "json"), 2),
}
EDITOR = 2  # checks that opening, and six questions at once, may take the time of
ASKED = ("initialize", "inlayHint", "documentSymbol", "hover", "completion", "codeAction", "shutdown")
ODD_NAMES = ("input_name_", "output_name_", "key_", "name_ansi", "name_annotation", "name_newline", "escape_")


@pytest.mark.parametrize(
    "name", [n if n.startswith(ODD_NAMES) else pytest.param(n, marks=pytest.mark.slow) for n in NAMES]
)
def test_every_command_answers(name: str) -> None:
    found, _, megabytes = in_a_child(lambda: answers(ATTACKS / f"{name}.yaml"))
    editor = found.pop("editor")
    for command, answer in found.items():
        text = answer["text"]
        assert answer["code"] in (0, 1, 2), (command, text[-500:])
        assert "Traceback" not in text and "AS902" not in text, (command, text[-500:])
        assert not unshown(text), command
        assert answer["seconds"] < SLACK * SECONDS * COMMANDS[command][1], command
    assert not unshown(found["compile"]["source"])
    assert editor["published"], "findings, or that there are none"
    assert [(n, each.get("error")) for n, each in sorted(editor["results"].items())] == [
        (n, None) for n in sorted(ASKED)
    ]
    assert editor["seconds"] < SLACK * SECONDS * EDITOR
    assert megabytes < MEGABYTES


def answers(path: Path) -> dict[str, Any]:
    """By command: its exit code, what it wrote, and its seconds of processor time."""
    os.chdir(ATTACKS)
    out: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        copy, made = Path(folder) / path.name, Path(folder) / "made.py"
        places = {"SPEC": path.name, "COPY": str(copy), "MADE": str(made)}
        for name, (words, _) in COMMANDS.items():
            if "--format" in words and out["diff"]["code"] == 2:
                continue  # there is nothing to write in this format
            copy.write_bytes(path.read_bytes())
            out[name] = answer([places.get(word, word) for word in words])
        out["compile"]["source"] = made.read_text(encoding="utf-8") if made.exists() else ""
        out["editor"] = edited(path)
    return out


def answer(words: list[str]) -> dict[str, Any]:
    """One command, its standard streams in files."""
    with tempfile.TemporaryFile() as told:
        sys.stdout = sys.stderr = io.TextIOWrapper(io.FileIO(told.fileno(), "w", closefd=False), encoding="utf-8")
        start = seconds()
        code = main(words)
        took = seconds() - start
        sys.stdout.flush()
        told.seek(0)
        text = told.read().decode("utf-8")
    return {"code": code, "text": text, "seconds": took}


def edited(path: Path) -> dict[str, Any]:
    """The attack opened in an editor, which asks for all that it shows at once; answers by what was asked."""
    uri, text = path.as_uri(), path.read_bytes().decode("utf-8", "replace")
    document = {"uri": uri}
    lines = text.count("\n") + 1
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": lines, "character": 0}}
    middle = {"textDocument": document, "position": {"line": lines // 2, "character": 6}}
    sent = [
        message("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, 0),
        message("initialized", {}),
        message(
            "textDocument/didOpen", {"textDocument": {**document, "languageId": "yaml", "version": 1, "text": text}}
        ),
        message("textDocument/inlayHint", {"textDocument": document, "range": whole}, 1),
        message("textDocument/documentSymbol", {"textDocument": document}, 2),
        message("textDocument/hover", middle, 3),
        message("textDocument/completion", middle, 4),
        message(
            "textDocument/codeAction", {"textDocument": document, "range": whole, "context": {"diagnostics": []}}, 5
        ),
        message("shutdown", None, 6),
        message("exit", None),
    ]
    stream = io.BytesIO(b"".join(sent))
    told = Kept()
    start = seconds()
    make_server("0").start_io(stream, told)
    took = seconds() - start
    received = list(messages(told.getvalue()))
    results = {ASKED[one["id"]]: one for one in received if "id" in one}
    published = [one for one in received if one.get("method") == "textDocument/publishDiagnostics"]
    return {"results": results, "published": published, "seconds": took}


class Kept(io.BytesIO):
    """What the server wrote, also after it has closed its output."""

    def close(self) -> None:
        pass


def message(method: str, params: Any, number: int | None = None) -> bytes:
    body = {"jsonrpc": "2.0", "method": method} | ({} if params is None else {"params": params})
    text = json.dumps(body if number is None else {**body, "id": number}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(text), text)


def messages(data: bytes) -> Iterator[dict[str, Any]]:
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
        yield json.loads(data[:length])
        data = data[length:]
