"""What text and Markdown share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from archspec.compare.model import ADDED, MOVED, REMOVED, Change, Comparison, NodeChange, Side, Weights
from archspec.compare.weights import grouped
from archspec.cost.hold import BATCH

_NAMES = 4  # of one kind of weights


class Row(NamedTuple):
    """A line of the summary: what, before, after, and the difference in words."""

    what: str
    before: str
    after: str
    difference: str


def summary(found: Comparison) -> list[Row]:
    """Parameters and FLOPs."""
    a, b = found.a, found.b
    rows = [Row("parameters", f"{a.parameters:,}", f"{b.parameters:,}", _difference(a.parameters, b.parameters))]
    before, after = _flops(a), _flops(b)
    if isinstance(a.flops, int) and isinstance(b.flops, int):
        difference = _difference(a.flops, b.flops)
    else:
        difference = "same" if found.a.flops is not None and before == after else ""
    return [*rows, Row("FLOPs", before, after, difference)]


def sizes(found: Comparison) -> str:
    """`at B = 1, H = 224`: where FLOPs are counted; "" where nothing depends on it, or no sizes are known."""
    known = {**found.a.sizes, **found.b.sizes}
    return "at " + ", ".join(f"{name} = {value}" for name, value in known.items()) if known else ""


def hint(found: Comparison) -> str:
    """What to say for FLOPs in numbers; "" where they are."""
    missing = {
        name: _EXAMPLES.get(name, 64)
        for side in (found.a, found.b)
        for name in side.symbols
        if not isinstance(side.flops, int) and name != BATCH
    }
    return f"--at {','.join(f'{name}={value}' for name, value in missing.items())}" if missing else ""


def _flops(side: Side) -> str:
    return f"{side.flops:,}" if isinstance(side.flops, int) else side.flops or "a long formula"


def _difference(a: int, b: int) -> str:
    if a == b:
        return "same"
    share = f" ({(b - a) / a:+.1%})" if a else ""
    return f"{b - a:+,}{share}"


def interface(found: Comparison) -> Iterator[tuple[str, str, str]]:
    """(what, before, after) of inputs, outputs and requirements that are not the same; "" for what is not there."""
    for what, before, after in (
        ("input", found.a.inputs, found.b.inputs),
        ("output", found.a.outputs, found.b.outputs),
    ):
        for name in dict.fromkeys((*before, *after)):
            if before.get(name) != after.get(name):
                yield f"{what} {name}", before.get(name, ""), after.get(name, "")
        if list(before) != list(after) and set(before) == set(after):
            yield f"order of {what}s", ", ".join(before), ", ".join(after)
    for text in found.a.requirements:
        if text not in found.b.requirements:
            yield "requires", text, ""
    for text in found.b.requirements:
        if text not in found.a.requirements:
            yield "requires", "", text


def path(node: NodeChange) -> str:
    return f"{node.path} (was {node.before})" if node.before is not None else node.path


def details(node: NodeChange) -> list[str]:
    """`out_channels: 64 → 128`; for a step that only one model has, what it gives and how large it is."""
    if node.status in (ADDED, REMOVED):
        parameters = node.parameters[node.status == ADDED]
        return [", ".join(node.outputs), *([f"{parameters:,} parameters"] if parameters else [])]
    return [words(change) for change in node.changes if change.what != "output"] or (
        [] if node.status == MOVED else [words(change) for change in node.changes]
    )


def words(change: Change) -> str:
    if change.what == "op":
        return f"{change.before} → {change.after}"
    return f"{change.what}: {change.before} → {change.after}"


def weights(found: Weights) -> str:
    """`120 of 122 load as they are, 1 has another name, 1 another shape; 0 are lost; 4 are new`"""
    if not found.total and not found.new:
        return "there are none"
    parts = [f"{len(found.equal)} of {found.total} load as they are"]
    for number, text in (
        (len(found.renamed), "under another name"),
        (len(found.reshaped), "of another shape"),
        (len(found.misplaced), "would load into another layer"),
        (len(found.lost), "lost"),
        (len(found.new), "new"),
    ):
        if number:
            parts.append(f"{number} {text}")
    return ", ".join(parts)


def weight_lists(found: Weights) -> Iterator[tuple[str, list[str]]]:
    """(what became of them, names): some of each kind, numbers of repeats put together."""
    renamed = [
        f"{name} → {_pattern(found.renamed[group[0]], len(group))}{_times(group)}"
        for name, group in grouped(found.renamed).items()
    ]
    shapes = {change.name: change for change in found.reshaped}
    reshaped = [
        f"{name} {list(shapes[group[0]].before)} → {list(shapes[group[0]].after)}{_times(group)}"
        for name, group in grouped(tuple(shapes)).items()
    ]
    misplaced = [
        f"{name} is {_pattern(found.misplaced[group[0]], len(group))} now{_times(group)}"
        for name, group in grouped(found.misplaced).items()
    ]
    for title, lines in (
        ("under another name", renamed),
        ("of another shape", reshaped),
        ("would load into another layer", misplaced),
        ("lost", _plain(found.lost)),
        ("new", _plain(found.new)),
    ):
        if lines:
            more = [f"and {len(lines) - _NAMES} more"] if len(lines) > _NAMES else []
            yield title, lines[:_NAMES] + more


def _plain(names: Iterable[str]) -> list[str]:
    """Entries of one module are one: `layer1.*.bn1.* (×10)`."""
    modules: dict[str, list[str]] = {}
    for name in names:
        modules.setdefault(name.rpartition(".")[0], []).append(name)
    out = []
    for pattern, paths in grouped(tuple(modules)).items():
        group = [name for path in paths for name in modules[path]]
        out.append(group[0] if len(group) == 1 else f"{pattern}.*{_times(group)}".lstrip("."))
    return out


def _pattern(name: str, many: int) -> str:
    return name if many == 1 else next(iter(grouped((name, name))))


def _times(group: list[str]) -> str:
    return f" (×{len(group)})" if len(group) > 1 else ""


_EXAMPLES = {"H": 224, "W": 224, "T": 1024}
MARKS: Mapping[str, str] = {"added": "+", "removed": "-", "changed": "~", "moved": ">", "reshaped": "."}
