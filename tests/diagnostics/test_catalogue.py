"""The catalogue: every code has a page, and every example does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import archspec
from archspec.diagnostics.catalogue import FAMILIES, Entry, catalogue, entries, explain

PACKAGE = Path(archspec.__file__).parent
ENTRIES = list(catalogue().values())
SPECS = [entry for entry in ENTRIES if entry.failing is not None]


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
    assert entry.repair.strip()[-1] in ".:"
    assert (entry.failing is None) == (entry.repaired is None)
    assert (entry.repair.strip()[-1] == ":") <= (entry.repaired is not None)
    page = explain(entry.code)
    assert page is not None
    assert page.startswith(f"{entry.code}: {entry.title}\n\n")
    assert all(c.isprintable() or c == "\n" for c in page)
    assert max(map(len, page.split("\n"))) <= 124


@pytest.mark.parametrize("entry", SPECS, ids=lambda e: e.code)
def test_the_failing_example_gives_exactly_its_code(entry: Entry) -> None:
    assert entry.failing is not None
    found = archspec.check(entry.failing).diagnostics
    assert [d.code for d in found] == [entry.code], [d.message for d in found]


@pytest.mark.parametrize("entry", SPECS, ids=lambda e: e.code)
def test_the_repaired_example_gives_nothing(entry: Entry) -> None:
    assert entry.repaired is not None
    report = archspec.check(entry.repaired)
    assert not report.diagnostics, [d.message for d in report.diagnostics]
    assert report.outputs


def test_explain_takes_a_code_as_people_write_it() -> None:
    page = explain("AS302")
    assert page is not None
    assert explain("as302") == explain(" 302 ") == page
    for unknown in ("AS999", "AS", "", "E501", "AS3020", "٣"):
        assert explain(unknown) is None


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
