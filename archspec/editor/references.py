"""Where a name is used, in all files of the specs that know it; and what becomes of them under another name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from archspec.diagnostics.edits import Change, Text, applied
from archspec.diagnostics.model import Diagnostics, Edit, Span
from archspec.editor.analysis import Analysis
from archspec.editor.definition import Meaning, Scene, meanings
from archspec.editor.names import Definition
from archspec.editor.tree import Step
from archspec.editor.words import words
from archspec.graph.names import BEFORE, is_block_name, wrong_identifier
from archspec.reading.reader import read

_VALUE = re.compile(r"[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*(?:\.[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*)*")


class Symbol(NamedTuple):
    """What a definition gives a name to, however many places do: the same in every spec that reads the file."""

    kind: str
    file: str
    owner: tuple[Step, ...]
    name: str

    @classmethod
    def of(cls, given: Definition) -> Symbol:
        return cls(given.kind, os.path.realpath(given.span.file), given.owner, given.name)


class Place(NamedTuple):
    """Where a name stands. `declares`: it is given there. `exact`: the span holds it and nothing else."""

    span: Span
    declares: bool
    exact: bool


class RenameError(Exception):
    """The name cannot be changed; the message says why."""


def references(specs: Iterable[Analysis], symbol: Symbol) -> list[Place]:
    """Every place of a name in the files of some specs, in order."""
    found: dict[Span, Place] = {}
    for spec in specs:
        for scene in _scenes(spec):
            for known, exact in _known(scene, symbol.name):
                if Symbol.of(known.definition) == symbol:
                    span = known.span._replace(file=os.path.realpath(known.span.file))
                    declares = known.definition.span.file == known.span.file and _begin(known.span) == _begin(
                        known.definition.span, quoted=known.span
                    )
                    found[span] = Place(span, declares or (span in found and found[span].declares), exact)
    return sorted(found.values())


def renamed(specs: Sequence[Analysis], symbol: Symbol, name: str) -> list[Span]:
    """The places in which `name` is to be written. Raises RenameError where the specs would no longer be what they are.

    All is tried before: each spec is checked with the new name, and every place has to mean the same as before.
    """
    if name == symbol.name:
        return []
    if (wrong := _wrong(symbol.kind, name)) is not None:
        raise RenameError(f"`{name}` cannot be its name: {wrong}")
    if any(spec.stale for spec in specs):
        raise RenameError("a file that may have the name does not read as YAML")
    places = references(specs, symbol)
    if not any(place.declares for place in places):
        raise RenameError(f"`{symbol.name}` is a name that the language gives")
    if vague := [place.span for place in places if not place.exact]:
        raise RenameError(f"{vague[0]}: the text is written so that the name in it cannot be replaced")
    spans = [place.span for place in places]
    after = [_with(spec, spans, name) for spec in specs]
    for old, new in zip(specs, after, strict=True):
        _hold(old, new)
    if len(references(after, symbol._replace(name=name))) != len(places):
        raise RenameError(f"`{name}` would mean something else in some place")
    return spans


def _scenes(spec: Analysis) -> Iterator[Scene]:
    """The files of a spec, each with what its names are looked up in."""
    own = Scene.of(spec)
    if own is None:
        return
    yield own
    for file, text in spec.report.sources.items():
        if file in spec.report.folders and file != spec.file and (root := read(text, file, Diagnostics())) is not None:
            yield Scene(root, own.whole)


def _known(scene: Scene, name: str) -> Iterator[tuple[Meaning, bool]]:
    for word in words(scene.root):
        if name in word.text:
            for known in meanings(scene, word):
                if known.definition.name == name != BEFORE:
                    yield known, word.exact


def _begin(span: Span, quoted: Span | None = None) -> tuple[int, int]:
    """Where a span begins; of one that holds quotation marks too, what is in them."""
    inner = quoted is not None and span.end_col - span.col == quoted.end_col - quoted.col + 2
    return span.line, span.col + inner


def _wrong(kind: str, name: str) -> str | None:
    if kind == "block":
        return None if is_block_name(name) else "blocks are written in CamelCase"
    if kind == "value":
        return None if _VALUE.fullmatch(name) else "it is made of letters, digits and `_`"
    return wrong_identifier(name)


def _with(spec: Analysis, spans: Iterable[Span], name: str) -> Analysis:
    """The spec with the name written in all these places, in its own text and in the files that it names."""
    changes: dict[str, list[Change]] = {}
    texts = {os.path.realpath(spec.file): spec.text} | {
        os.path.realpath(file): text for file, text in spec.report.sources.items() if file in spec.report.folders
    }
    for span in spans:
        if span.file in texts:
            change = Text(texts[span.file]).change(Edit(span, name))
            if change is None:
                raise RenameError(f"{span}: the file has changed meanwhile")
            changes.setdefault(span.file, []).append(change)
    made: Mapping[str, str] = {file: applied(text, changes.get(file, ())) for file, text in texts.items()}
    others = {**spec.texts, **{file: text.encode() for file, text in made.items()}}
    return Analysis(made[os.path.realpath(spec.file)], spec.file, spec.base, texts=others)


def _hold(old: Analysis, new: Analysis) -> None:
    """Raises RenameError where there are errors that were not there before."""
    before = [d for d in old.diagnostics if d.is_error]
    after = [d for d in new.diagnostics if d.is_error]
    if len(after) > len(before):
        known = {(d.code, d.span.file, d.span.line) for d in before}
        first = next((d for d in after if (d.code, d.span.file, d.span.line) not in known), after[0])
        raise RenameError(f"{first.span}: {first.message}")
