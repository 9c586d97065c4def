"""A comparison as a comment for a pull request (GitHub and GitLab Markdown)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from archspec.compare.formats import words
from archspec.compare.model import RESHAPED, Comparison, NodeChange
from archspec.diagnostics.text import clean

_OPEN = 15  # steps that are shown at once; more are folded
_MOST = 300  # a comment has a largest size


def markdown(found: Comparison, *, every: bool = False) -> str:
    """`every`: also the steps whose result alone has another shape."""
    title = (
        f"### {code(found.a.file)} → {code(found.b.file)}"
        if found.a.file != found.b.file
        else f"### {code(found.b.file)}"
    )
    if found.same:
        return f"{title}\n\nThe same model, {found.b.parameters:,} parameters.\n"
    parts = [title, _summary(found)]
    changed = list(words.interface(found))
    if changed:
        rows = [f"| {what} | {_maybe(before)} | {_maybe(after)} |" for what, before, after in changed]
        parts.append("\n".join(["| interface | before | after |", "| --- | --- | --- |", *rows]))
    nodes = [node for node in found.nodes if every or node.status != RESHAPED]
    if nodes:
        parts.append(_folded(f"{len(nodes)} steps", _nodes(nodes[:_MOST]), len(nodes) > _OPEN))
    if len(nodes) > _MOST:
        parts.append(f"… and {len(nodes) - _MOST} more.")
    hidden = sum(node.status == RESHAPED for node in found.nodes)
    if hidden and not every:
        parts.append(f"{hidden} further steps give another shape and nothing else.")
    lists = [f"- {title}: {', '.join(map(code, names))}" for title, names in words.weight_lists(found.weights)]
    if lists:
        parts.append(_folded("Weights", "\n".join(lists), len(lists) > 1))
    return "\n\n".join(parts) + "\n"


def _summary(found: Comparison) -> str:
    rows = [f"| {row.what} | {row.before} | {row.after} | {row.difference} |" for row in words.summary(found)]
    at = words.sizes(found)
    if at:
        rows[-1] = rows[-1].replace("| FLOPs |", f"| FLOPs {at} |", 1)
    head = ["| | before | after | difference |", "| --- | ---: | ---: | ---: |"]
    return "\n".join([*head, *rows]) + f"\n\nWeights: {words.weights(found.weights)}."


def _nodes(nodes: Iterable[NodeChange]) -> str:
    rows = []
    for node in nodes:
        times = f" ×{node.times}" if node.times > 1 else ""
        was = f", was {code(node.before)}" if node.before is not None else ""
        what = "; ".join(map(code, words.details(node)))
        rows.append(f"| {node.status} | {code(node.path)}{times}{was} | {code(node.kind)} | {what} |")
    return "\n".join(["| | step | op | |", "| --- | --- | --- | --- |", *rows])


def _folded(title: str, body: str, closed: bool) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>" if closed else body


def _maybe(text: str) -> str:
    return code(text) if text else ""


def code(text: str) -> str:
    """The text as code: no character of it means anything in Markdown, HTML or a table, nor mentions anyone."""
    shown = clean(text)
    if not shown.strip():
        return shown
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{shown}{pad}{fence}".replace("|", "\\|")
