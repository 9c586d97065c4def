"""A comparison for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from archspec.compare.formats import words
from archspec.compare.model import RESHAPED, Comparison, NodeChange
from archspec.diagnostics.text import clean

_MOST = 40  # steps, unless all are asked for
_COLORS = {"+": "32", "-": "31", "~": "33", ">": "36", ".": "2"}


def text(found: Comparison, *, color: bool = False, every: bool = False) -> str:
    """`every`: all steps, also those whose result alone has another shape."""
    lines = [f"{clean(found.a.file)} → {clean(found.b.file)}"]
    if found.same:
        return f"{lines[0]}\nthe same model, {found.b.parameters:,} parameters\n"
    shown = [node for node in found.nodes if every or node.status != RESHAPED]
    cut = len(shown) if every else _MOST
    if shown:
        lines += ["", *_nodes(shown[:cut], color)]
    if len(shown) > cut:
        lines.append(f"… and {len(shown) - cut} more steps: --all shows them")
    hidden = len(found.nodes) - sum(node.status != RESHAPED for node in found.nodes)
    if hidden and not every:
        what = "step gives" if hidden == 1 else "steps give"
        lines.append(f"{hidden} further {what} another shape and nothing else: --all shows them")
    changed = [(what, before or "-", after or "-") for what, before, after in words.interface(found)]
    if changed:
        lines += ["", *(f"{what}: {before} → {after}" for what, before, after in changed)]
    lines += ["", *_summary(found)]
    return "\n".join(clean(line) if "\x1b" not in line else line for line in lines) + "\n"


def _nodes(nodes: Iterable[NodeChange], color: bool) -> list[str]:
    rows = []
    for node in nodes:
        times = f" ×{node.times}" if node.times > 1 else ""
        rows.append(
            (words.MARKS[node.status], clean(words.path(node) + times), node.kind, "; ".join(words.details(node)))
        )
    wide = min(max(len(path) for _, path, _, _ in rows), 48)
    kinds = max(len(kind) for _, _, kind, _ in rows)
    out = []
    for mark, path, kind, rest in rows:
        line = f"{mark} {path.ljust(wide)}  {kind.ljust(kinds)}  {clean(rest)}".rstrip()
        out.append(f"\x1b[{_COLORS[mark]}m{line}\x1b[0m" if color else line)
    return out


def _summary(found: Comparison) -> list[str]:
    rows = words.summary(found)
    at = words.sizes(found)
    lines = []
    for row in rows:
        value = f"{row.before} → {row.after}" if row.before != row.after else row.before
        value += f"  {row.difference}" if row.difference else ""
        lines.append(f"{row.what:<11} {value}{f'  {at}' if at and row.what == 'FLOPs' else ''}".rstrip())
    if hint := words.hint(found):
        lines[-1] += f"  ({hint} gives numbers)"
    lines.append(f"{'weights':<11} {words.weights(found.weights)}")
    for title, names in words.weight_lists(found.weights):
        lines += [f"  {title}:", *(f"    {name}" for name in names)]
    return lines
