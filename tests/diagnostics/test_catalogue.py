"""The catalogue: every code has a page, and every example does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import archspec
from archspec.cli.pages import as_data, as_markdown, as_text, documents, page, run
from archspec.diagnostics.catalogue import FAMILIES, TITLES, Entry, catalogue, entries, find
from archspec.diagnostics.text import render_all

PACKAGE = Path(archspec.__file__).parent
ENTRIES = list(catalogue().values())
SPECS = [entry for entry in ENTRIES if entry.failing is not None]
ALONE = [entry for entry in SPECS if entry.command is None and not entry.files]


def _emitted() -> set[str]:
    """Every code that stands in the source outside the catalogue."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        if "entries" not in path.parts:
            found |= set(re.findall(r"[\"'](AS\d{3})[\"']", path.read_text()))
    return found


def test_every_code_has_an_entry_and_every_entry_a_use() -> None:
    assert _emitted() == {entry.code for entry in ENTRIES}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.code)
def test_entries_are_whole(entry: Entry) -> None:
    assert entry.code in entries(entry.code[2])
    assert entry.title
    assert not entry.title.endswith(".")
    assert entry.title[0].islower() or entry.title.startswith("`")
    assert entry.meaning.strip().endswith(".")
    assert len(page(entry).paragraphs) == 2, "what it means, and why"
    assert entry.repair.strip()[-1] in ".:"
    assert (entry.repair.strip()[-1] == ":") <= (entry.repaired is not None or entry.fixed is not None)
    assert (entry.failing is None) >= (entry.repaired is None) or entry.fixed is not None
    assert entry.warning == (entry.severity != "error")


def test_every_code_has_an_example() -> None:
    """But for failures of archspec itself."""
    assert [entry.code for entry in ENTRIES if entry.shown is None] == ["AS902"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.code)
def test_the_page(entry: Entry) -> None:
    made = page(entry)
    text, data, markdown = as_text(made), as_data(made), as_markdown(made)
    assert text.startswith(f"{entry.code}: {entry.title}  ({entry.severity})\n\n")
    for written in (text, markdown):
        assert all(c.isprintable() or c == "\n" for c in written)
    assert max(map(len, text.split("\n"))) <= 150
    if made.output is not None:
        assert f"[{entry.code}]" in made.output
        assert made.output in text
        assert made.output in markdown
        assert data["example"]["output"] == made.output
        assert data["example"]["command"] == entry.shown
    assert data["repaired"] == (None if entry.repaired is None else entry.repaired.lstrip("\n"))
    assert (data["what"], data["why"]) == tuple(made.paragraphs)


@pytest.mark.parametrize("entry", ALONE, ids=lambda e: e.code)
def test_the_output_is_what_a_check_finds(entry: Entry) -> None:
    assert entry.failing is not None
    report = archspec.check(entry.failing.lstrip("\n"))
    shown = render_all(report.diagnostics, report.sources).rpartition("\n\n")[0]
    output = page(entry).output
    assert output is not None
    assert output.startswith(shown.replace("<spec>", "model.yaml"))


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.command is not None or e.files], ids=lambda e: e.code)
def test_commands(entry: Entry) -> None:
    """The example's command gives the code and nothing else; the repaired one gives nothing."""
    output = page(entry).output
    assert output is not None
    assert re.findall(r"(?:error|warning)\[(AS\d+)\]", output) == [entry.code]
    if entry.repaired is not None and entry.output is None:
        again = run(entry, entry.fixed or entry.shown, entry.repaired)
        assert again is not None
        assert "[AS" not in again


def test_the_documents() -> None:
    made = documents()
    assert set(made) == {f"docs/errors/{code}.md" for code in catalogue()} | {"docs/errors/README.md"}
    index = made["docs/errors/README.md"]
    assert all(f"[{entry.code}]({entry.code}.md)" in index for entry in ENTRIES)
    assert set(TITLES) == set(FAMILIES)


@pytest.mark.slow
def test_the_output_of_a_training_that_fails(tmp_path: Path) -> None:
    (entry,) = (entry for entry in ENTRIES if entry.output is not None)
    assert entry.failing is not None
    (tmp_path / "model.yaml").write_text(entry.failing)
    done = subprocess.run(
        [sys.executable, "-m", "archspec", "train", "model.yaml"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )
    assert done.returncode == 2
    assert entry.output is not None
    assert entry.output in done.stdout + done.stderr


@pytest.mark.parametrize("entry", ALONE, ids=lambda e: e.code)
def test_the_failing_example_gives_exactly_its_code(entry: Entry) -> None:
    assert entry.failing is not None
    found = archspec.check(entry.failing).diagnostics
    assert [d.code for d in found] == [entry.code], [d.message for d in found]


@pytest.mark.parametrize("entry", ALONE, ids=lambda e: e.code)
def test_the_repaired_example_gives_nothing(entry: Entry) -> None:
    assert entry.repaired is not None
    report = archspec.check(entry.repaired)
    assert not report.diagnostics, [d.message for d in report.diagnostics]
    assert report.outputs


def test_a_code_is_found_as_people_write_it() -> None:
    entry = find("AS302")
    assert entry is not None
    assert find("as302") == find(" 302 ") == entry
    for unknown in ("AS999", "AS", "", "E501", "AS3020", "٣"):
        assert find(unknown) is None


def test_families_cover_their_codes() -> None:
    for digit in FAMILIES:
        found = entries(digit)
        assert found
        assert all(code.startswith(f"AS{digit}") for code in found)


def test_a_check_does_not_load_the_catalogue() -> None:
    code = (
        "import sys, archspec\n"
        "archspec.check('inputs: {x: \"float32[B, 4]\"}\\nlayers: [linear: 8]\\n')\n"
        "print([m for m in sys.modules if m.startswith('archspec.diagnostics')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert "catalogue" not in done.stdout
    assert "entries" not in done.stdout
    assert "text" not in done.stdout
