"""What the documents show is what happens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.diagnostics.text import render

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)?(#[^)\s]+)?\)")


def blocks(path: Path, language: str) -> list[str]:
    return [text for kind, text in _FENCE.findall(path.read_text(encoding="utf-8")) if kind == language]


def anchors(path: Path) -> set[str]:
    """The anchors GitHub gives to a document's headings."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    for target, anchor in _LINK.findall(text):
        if "://" in target:
            continue
        file = (path.parent / target) if target else path
        assert file.exists(), f"{path.name}: {target}"
        if anchor and file.suffix == ".md":
            assert anchor[1:] in anchors(file), f"{path.name}: {target}{anchor}"


def whole_specs(path: Path) -> list[str]:
    return [text for text in blocks(path, "yaml") if re.search(r"^archspec: 1$", text, re.MULTILINE)]


def test_specs_of_the_language_reference_are_clean() -> None:
    found = whole_specs(ROOT / "docs" / "language.md")
    assert found
    for text in found:
        report = archspec.check(text)
        assert report.ok, [d.message for d in report.diagnostics]
        assert not report.diagnostics


def test_the_language_reference_shows_specs_of_the_project() -> None:
    """Whole, but for comments and the first two lines of one that extends another."""

    def plain(text: str) -> list[str]:
        lines = [line.split(" #")[0].rstrip() for line in text.splitlines() if not line.startswith("#")]
        return [line for line in lines if line != "archspec: 1"]

    shown = blocks(ROOT / "docs" / "language.md", "yaml")
    for name, marked in (("resnet50", "archspec: 1"), ("resnext50_32x4d", "extends: resnet50.yaml")):
        (text,) = (text for text in shown if marked in text)
        assert plain(text) == plain((ROOT / "specs" / "vision" / f"{name}.yaml").read_text(encoding="utf-8"))


def test_the_error_in_the_readme(tmp_path: Path, monkeypatch: Any) -> None:
    """The README's spec gives the error shown below it, to the letter."""
    readme = ROOT / "README.md"
    (spec,) = whole_specs(readme)
    shown = next(text for text in blocks(readme, "") if "error[" in text)
    command, _, error = shown.partition("\n")
    assert command == "$ archspec check tiny.yaml"
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(spec, encoding="utf-8")
    report = archspec.check("tiny.yaml")
    assert "\n".join(render(d, report.sources) for d in report.diagnostics) == error.rstrip("\n")
