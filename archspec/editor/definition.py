"""What a name stands for, and where that is given: a value, a parameter, a block, maybe in another file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archspec.diagnostics.model import Span
from archspec.editor.analysis import Analysis
from archspec.editor.names import (
    Definition,
    before,
    block_inputs,
    block_params,
    blocks,
    call_of,
    carries,
    inner_names,
    is_item,
    is_list_of_items,
    last,
    named,
    parameters_at,
    values_at,
)
from archspec.editor.tree import Step, at, find
from archspec.editor.words import Word, word_at
from archspec.graph.names import BEFORE
from archspec.reading.nodes import Mapping, Node

_END: Step = 1 << 30  # behind all items of a list
_READING = ("from", "use", "like", "over", "stack")  # keys whose texts name values
_READING_MAPPINGS = ("from", "route", "carry", "over", "tie")


class Scene(NamedTuple):
    """A file, and what its names are looked up in where they are not of its own: the spec put together of all files."""

    root: Node
    whole: Node | None

    @classmethod
    def of(cls, analysis: Analysis) -> Scene | None:
        return None if analysis.root is None else cls(analysis.root, analysis.report.assembled)


class Meaning(NamedTuple):
    """A name, or a part of a dotted one, and what it stands for."""

    span: Span
    definition: Definition


def definition(analysis: Analysis, line: int, col: int) -> Definition | None:
    """What the name at a place stands for, and where that is written."""
    found = meaning(analysis, line, col)
    return None if found is None else found.definition


def meaning(analysis: Analysis, line: int, col: int) -> Meaning | None:
    """The name at a place, and what it stands for."""
    scene = Scene.of(analysis)
    if scene is None or (found := find(scene.root, line, col)) is None or (word := word_at(found, line, col)) is None:
        return None
    known = list(meanings(scene, word))
    here = [each for each in known if each.span.col <= col <= each.span.end_col]
    return here[-1] if here else known[-1] if known else None


def meanings(scene: Scene, word: Word) -> Iterator[Meaning]:
    """What a word stands for; of a dotted one, what each of its parts does, as far as they are known."""
    if word.read:
        found = _parameter(scene, word)
    elif word.is_key:
        if word.path[0] == "replace":
            yield from _path(scene, word, replaceable(scene))
            return
        found = _key(scene, word)
    elif reads(word.path):
        yield from _path(scene, word, _value(scene, word))
        return
    else:
        found = _given(scene, word) or block(scene, word.text)
    if found is not None:
        marked = word.exact and word.text.endswith("?")  # of an input that may be left out
        yield Meaning(word.span._replace(end_col=word.span.end_col - marked), found)


def block(scene: Scene, name: str) -> Definition | None:
    """The block of this name: of this file, or of one that it includes or extends."""
    if not name[:1].isupper():
        return None
    return (last(blocks(scene.whole), name) if scene.whole is not None else None) or last(blocks(scene.root), name)


def item_path(path: tuple[Step, ...]) -> tuple[Step, ...]:
    """The path of the item in which a place is: up to the last position in a list of items."""
    for length in range(len(path), 0, -1):
        if isinstance(path[length - 1], int) and is_list_of_items(path[: length - 1]):
            return path[:length]
    return path


# -- keys ------------------------------------------------------------------------------------------------------------


def _key(scene: Scene, word: Word) -> Definition | None:
    path, name = word.path, word.text
    above = path[-2] if len(path) > 1 else None
    if path[0] in ("params", "inputs") and len(path) == 2:
        return last(block_params(scene.root, ()) if above == "params" else values_at(scene.root, ()), name.rstrip("?"))
    if path[0] == "blocks" and len(path) == 2:
        return last(blocks(scene.root), name)
    if path[0] == "blocks" and len(path) == 4 and above in ("params", "inputs"):
        own = block_params if above == "params" else block_inputs
        return last(own(scene.root, path[:2]), name.rstrip("?"))
    if len(path) > 2 and path[-3] == "scan" and above in ("carry", "over"):
        return last(carries(scene.root, path[:-2]), name)
    if above == "from" and (called := _called(scene, path[:-2])) is not None:
        return last(block_inputs(*called), name)
    if isinstance(above, str) and is_item(scene.root, path[:-2]) and (called := _block(scene, above)) is not None:
        return last(block_params(*called), name)
    return block(scene, name)


def _called(scene: Scene, item: tuple[Step, ...]) -> tuple[Node, tuple[Step, ...]] | None:
    """The block that the item at a path calls: a tree, and the path in it."""
    node = at(scene.root, item)
    call = call_of(node) if node is not None else None
    return None if call is None else _block(scene, call[0])


def _block(scene: Scene, name: str) -> tuple[Node, tuple[Step, ...]] | None:
    trees = (tree for tree in (scene.whole, scene.root) if tree is not None)
    return next(((tree, ("blocks", name)) for tree in trees if at(tree, ("blocks", name)) is not None), None)


# -- texts -----------------------------------------------------------------------------------------------------------


def _given(scene: Scene, word: Word) -> Definition | None:
    """What a text gives a name to: an item, a result, an input of a block, the element of a repeat."""
    path, name = word.path, word.text
    if path[:1] == ("blocks",) and len(path) == 4 and path[2] == "inputs":
        return last(block_inputs(scene.root, path[:2]), name.rstrip("?"))
    owner = path[:-1] if path[-1:] == ("name",) else path[:-2] if path[-2:-1] == ("outputs",) else ()
    if (item := at(scene.root, owner)) is not None and is_item(scene.root, owner):
        return last(named(scene.root, item, owner[:-1]), name)
    words = [step for step in path if isinstance(step, str)]
    if words[-1:] == ["as"] and words[-2:-1] == ["repeat"]:
        return last(parameters_at(scene.root, path), name)
    return None


def _parameter(scene: Scene, word: Word) -> Definition | None:
    found = last(parameters_at(scene.root, word.path), word.text)
    if found is None and word.path[:1] == ("blocks",):  # `$mask`: is the input given?
        found = next((d for d in block_inputs(scene.root, word.path[:2]) if d.name == word.text), None)
    if found is None and scene.whole is not None:
        found = last(block_params(scene.whole, ()), word.text)
    return found


def reads(path: tuple[Step, ...]) -> bool:
    """Does a text at a path hold the name of a value?"""
    words = [step for step in path if isinstance(step, str)]
    if not words:
        return False
    return (
        words[-1] in _READING
        or (len(words) > 1 and words[-2] in _READING_MAPPINGS)
        or words[0] == "outputs"
        or (words[-1] == "outputs" and words[0] == "blocks" and len(words) == 3)
    )


def _value(scene: Scene, word: Word) -> list[Definition]:
    """The values that the word, or what it begins with, may mean."""
    path = item_path(word.path)
    if word.path[0] == "outputs":
        path = ("layers", _END)
    elif word.path[0] == "blocks" and word.path[2:3] == ("outputs",):
        path = (*word.path[:2], "layers", _END)
    elif word.path[-3:-1] == ("scan", "stack"):
        path = (*word.path[:-2], "body", _END)
    if word.text == BEFORE and "from" in word.path:
        found = before(scene.root, path)
        return [found] if found is not None else []
    if "use" in word.path[-1:] or "tie" in word.path[-2:]:  # of the lists around, also what comes later
        path = (*path[:-1], _END)
    found_here = values_at(scene.root, path)
    if scene.whole is not None and word.path[0] == "outputs":
        found_here = [*values_at(scene.whole, path), *found_here]
    return found_here


# -- dotted names ----------------------------------------------------------------------------------------------------


def replaceable(scene: Scene) -> list[Definition]:
    """What a path under `replace` may begin with."""
    whole = scene.whole if scene.whole is not None else scene.root
    return [*blocks(whole), *inner_names(whole, ("layers",))]


def _path(scene: Scene, word: Word, known: list[Definition]) -> Iterator[Meaning]:
    """Of `encoder.0.attn`: what `encoder` is, and what `attn` is in it."""
    rest, start = word.text, 0
    while rest:
        found = _longest(known, rest)
        if found is None:
            return
        span = word.span
        if word.exact:
            span = span._replace(col=word.span.col + start, end_col=word.span.col + start + len(found.name))
        yield Meaning(span, found)
        rest = rest[len(found.name) + 1 :]
        start += len(found.name) + 1
        while rest.partition(".")[0].isdecimal():  # a turn of a repeat, or a place in a list
            start += len(rest.partition(".")[0]) + 1
            rest = rest.partition(".")[2]
        known = _inside(scene, found)


def _longest(known: list[Definition], text: str) -> Definition | None:
    """The definition whose name the text is, or begins with; names may hold points themselves."""
    while text:
        if (found := last(known, text)) is not None:
            return found
        text = text.rpartition(".")[0]
    return None


def _inside(scene: Scene, outer: Definition) -> list[Definition]:
    """The names in the module that a definition is."""
    trees = [tree for tree in (scene.root, scene.whole) if tree is not None]
    if outer.kind == "block":
        found = _block(scene, outer.name)
        return [] if found is None else [*inner_names(found[0], (*found[1], "layers")), *block_params(*found)]
    if outer.kind != "value" or not isinstance(outer.node, Mapping):
        return []
    call = call_of(outer.node)
    if call is not None and (called := _block(scene, call[0])) is not None:
        return inner_names(called[0], (*called[1], "layers"))
    for tree in trees:
        owner = at(tree, outer.owner)
        for number, item in enumerate(getattr(owner, "items", ())):
            if item is outer.node and call is not None:
                return inner_names(tree, (*outer.owner, number, call[0]))
    return []
