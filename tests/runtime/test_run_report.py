"""The report: one file, well-formed, everything untrusted escaped, and no reference to the outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from archspec.runtime.report import duration, render_report, thinned, write_report

NASTY = "</pre></style><script>alert(1)</script><img src=x onerror=alert(2)>&\"'{{ 7*7 }}"
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Parsed(HTMLParser):
    """Tags, attributes and text; fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def epochs(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"kind": "epoch", "epoch": k, "step": 10 * k, "train_loss": 1 / k, "loss": 2 / k, "lr": 1e-3, "seconds": 0.5,
         "samples_per_second": 1000.0, "best": k <= count - 2, **more}
        for k in range(1, count + 1)
    ]  # fmt: skip


def test_everything_untrusted_is_escaped() -> None:
    facts = {
        "name": NASTY, "doc": NASTY, "status": "failed", "message": NASTY, "metrics": [NASTY], "parameters": 3,
        "settings": {NASTY: NASTY, "overrides": [NASTY]}, "data": {"classes": [NASTY, NASTY]},
        "environment": {"threads": 2}, "results": {"criterion": NASTY, "best": 0.5, "best_epoch": 1},
        "architecture": [{"depth": 0, "path": NASTY, "kind": NASTY, "outputs": [NASTY], "parameters": 3}],
    }  # fmt: skip
    html = render_report(facts, epochs(3, **{NASTY: 0.5}), [("spec", NASTY)])
    parsed = Parsed(html)
    assert not {tag for tag, _ in parsed.tags} & {"script", "img", "link", "iframe", "object", "base", "form"}
    assert not [key for _, attributes in parsed.tags for key in attributes if key.startswith("on")]
    assert "alert(1)" in html and "{{ 7*7 }}" in html and "49" not in "".join(parsed.texts)


def test_nothing_is_fetched(digits_run: Path) -> None:
    html = (digits_run / "report.html").read_text(encoding="utf-8")
    parsed = Parsed(html)
    assert not [a for _, a in parsed.tags if {"src", "href", "srcset", "data", "action"} & set(a)]
    assert not re.search(r"url\(|@import|@font-face", html)
    assert [tag for tag, _ in parsed.tags].count("svg") == 5  # loss, two metrics, loss by step, learning rate
    text = " ".join(" ".join(parsed.texts).split())
    for words in (
        "digits_cnn",
        "done",
        "best accuracy",
        "adamw",
        "1438",
        "stem.conv",
        "float32[B, 4, 8, 8]",
        "class DigitsCnn",
    ):
        assert words in text, words


@pytest.mark.parametrize("facts", [{}, {"status": "running"}, {"results": {}, "metrics": [], "architecture": []}])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_little_is_known(facts: dict[str, Any], count: int) -> None:
    Parsed(render_report(facts, epochs(count)))


def test_values_that_are_missing() -> None:
    lines = epochs(3, acc=None, loss=None, lr=None)
    Parsed(render_report({"metrics": ["acc"]}, lines))


def test_the_best_epoch_is_marked_and_long_runs_are_thinned() -> None:
    lines = epochs(1000)
    kept = thinned(lines)
    assert len(kept) <= 202 and kept[0] is lines[0] and kept[-1] is lines[-1]
    assert lines[997] in kept
    marked = [a for tag, a in Parsed(render_report({}, lines)).tags if tag == "tr" and a.get("class") == "best"]
    assert len(marked) == 1


def test_it_can_be_drawn_again(digits_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    copy.mkdir()
    for path in digits_run.iterdir():
        if path.suffix in (".json", ".jsonl", ".yaml", ".py"):
            (copy / path.name).write_bytes(path.read_bytes())
    assert write_report(copy).read_bytes() == (digits_run / "report.html").read_bytes()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (192, "3 min 12 s"), (3599.9, "1 h 00 min"), (18150, "5 h 02 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
