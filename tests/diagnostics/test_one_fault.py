"""One fault in a published spec is one error, at its line: everything that follows from it stays silent."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from archspec import pipeline
from archspec.diagnostics.model import Diagnostic, Diagnostics, Span
from archspec.graph.names import COMMON, inner_lists, key_of
from archspec.ops.registry import all_ops
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.reading.reader import read

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
OPS = all_ops()
_PARAMETER = re.compile(r"\$([a-z_]+)")


class Fault(NamedTuple):
    """`new` stands at `span` instead of what is there. `codes`: those that may tell of it; none: it may be no fault.

    `definition`: a name is misspelt where it is defined, and what reads it is at fault, wherever that is.
    """

    kind: str
    span: Span
    new: str
    codes: tuple[str, ...]
    definition: bool = False


def items(lists: list[Node | None]) -> Iterator[Node]:
    for each in lists:
        if isinstance(each, Sequence):
            for item in each.items:
                yield item
                yield from items([inner for _, inner, _ in inner_lists(item)])


def faults(root: Mapping, text: str) -> Iterator[Fault]:
    blocks = root.get("blocks")
    bodies = {n: b for n, b in blocks.entries.items() if isinstance(b, Mapping)} if isinstance(blocks, Mapping) else {}
    for item in items([root.get("layers"), *(body.get("layers") for body in bodies.values())]):
        yield from _of_item(item, set(bodies))
    for name in bodies:
        assert isinstance(blocks, Mapping)
        yield Fault("a block's name", blocks.keys[name], f"{name}q", ("AS202",), definition=True)
    for owner in (root, *bodies.values()):
        params = owner.get("params")
        for name, span in params.keys.items() if isinstance(params, Mapping) else ():
            yield Fault("a parameter's name", span, f"{name}q", ("AS203", "AS209"), definition=True)
    inputs = root.get("inputs")
    assert isinstance(inputs, Mapping)
    for name, span in inputs.keys.items():
        yield Fault("an input's name", span, f"{name}q", ("AS206",), definition=True)
        given = inputs.entries[name]
        if isinstance(given, Scalar) and isinstance(given.value, str):
            yield Fault("a dtype", given.span, '"' + re.sub(r"^\w+", "nofloat", given.value) + '"', ("AS217",))
    outputs = root.get("outputs")
    for node in outputs.entries.values() if isinstance(outputs, Mapping) else ():
        if isinstance(node, Scalar):
            yield Fault("what an output names", node.span, f"{node.value}q", ("AS206",))
    for key, span in root.keys.items():
        yield Fault("a key of the spec", span, f"{key}q", ("AS201",))
    for number, line in enumerate(text.split("\n"), 1):
        for match in _PARAMETER.finditer(line):
            if not line.lstrip().startswith("#"):
                span = Span("f", number, match.start(1) + 1, number, match.end(1) + 1)
                yield Fault("a parameter that is read", span, f"{match.group(1)}q", ("AS209",))


def _of_item(item: Node, blocks: set[str]) -> Iterator[Fault]:
    key = key_of(item)
    span = item.keys.get(key) if isinstance(item, Mapping) and key else item.span
    if key in OPS or key in blocks:
        assert span is not None
        yield Fault("an op or block", span, f"{key}q", ("AS202",))
    if not isinstance(item, Mapping) or key is None:
        return
    arguments = item.get(key)
    for name, node in arguments.entries.items() if isinstance(arguments, Mapping) else ():
        assert isinstance(arguments, Mapping)
        if key not in OPS and key not in blocks:
            continue
        yield Fault("an argument", arguments.keys[name], f"{name}q", ("AS203",))
        if isinstance(node, Scalar) and type(node.value) is int:
            numbers = (("AS205",), ()) if key in OPS else (("AS205", "AS208", "AS302"), ())
            yield Fault("text for a number", node.span, "wrong", numbers[0])
            yield Fault("a wrong number", node.span, str(node.value * 3 + 1), numbers[1])
    source = item.get("from")
    names = source.items if isinstance(source, Sequence) else [source]
    for node in names:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            ends_in_parameter = re.search(r"\$\w+$", node.value)
            new = f"{node.value}q" if node.plain else f'"{node.value}q"'
            yield Fault("what is read", node.span, new, ("AS209",) if ends_in_parameter else ("AS206",))
    for word in COMMON:
        if word in item:
            yield Fault("a key of an item", item.keys[word], f"{word}q", ("AS201",))
    for word, new, codes in (("when", "3", ("AS205",)), ("repeat", "-1", ("AS205",))):
        node = item.get(word)
        if isinstance(node, Scalar):
            yield Fault(f"`{word}`", node.span, new, codes)


def damaged(text: str, fault: Fault) -> str:
    lines = text.split("\n")
    line = lines[fault.span.line - 1]
    lines[fault.span.line - 1] = line[: fault.span.col - 1] + fault.new + line[fault.span.end_col - 1 :]
    return "\n".join(lines)


def errors(path: Path, text: str) -> list[Diagnostic]:
    report = pipeline.check(pipeline.load(path)._replace(text=text))
    return [d for d in report.diagnostics if d.is_error]


def judge(path: Path, text: str, fault: Fault) -> None:
    found = errors(path, damaged(text, fault))
    told = [(d.code, d.span.line, d.message) for d in found]
    # A number may be wrong for each of several ops that read one value: too little is left, or it does not divide.
    several = not fault.codes and {d.code for d in found} in ({"AS304"}, {"AS305"})
    assert len(found) <= 1 or several, (fault, told)
    if fault.codes and not fault.definition:
        assert len(found) == 1, (fault, told)
        assert found[0].span.line == fault.span.line, (fault, told)
    for d in found:
        assert not fault.codes or d.code in fault.codes, (fault, told)


def all_faults(path: Path) -> tuple[str, list[Fault]]:
    text = path.read_text(encoding="utf-8")
    root = read(text, str(path), Diagnostics())
    assert isinstance(root, Mapping)
    if "inputs" not in root or "layers" not in root:  # it starts from another: most of it is there
        return text, []
    found = [fault for fault in faults(root, text) if fault.span.line == fault.span.end_line]
    # What is renamed here may still be there, as the spec that is started from has it.
    return text, [fault for fault in found if not fault.definition or "extends" not in root]


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_one_fault_is_one_error(path: Path) -> None:
    """One fault of each kind."""
    text, every = all_faults(path)
    chance = random.Random(path.stem)
    kinds: dict[str, list[Fault]] = {}
    for fault in every:
        kinds.setdefault(fault.kind, []).append(fault)
    for group in kinds.values():
        judge(path, text, chance.choice(group))


@pytest.mark.slow
@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_every_fault_is_one_error(path: Path) -> None:
    text, every = all_faults(path)
    for fault in every:
        judge(path, text, fault)
