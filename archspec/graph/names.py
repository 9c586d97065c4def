"""What items and modules may be called, and what they are called when a spec does not say."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from archspec.diagnostics.model import Span
from archspec.diagnostics.suggest import meant_keys
from archspec.graph.reserved import RESERVED
from archspec.ops.registry import find
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence

COMMON = (
    "name", "from", "outputs", "repeat", "merge", "route", "when", "forward", "tie", "init", "parametrize",
    "requires_grad", "register_buffer", "inline", "doc",
)  # fmt: skip
STRUCTURES = ("sequence", "residual", "parallel", "scan")
LOOP = frozenset({"i"})  # what every `repeat` binds
WORDS = (*STRUCTURES, "use")  # item keys that are neither op nor block
BEFORE = "_"  # in a `from`: the value before
# Type words: a parameter declared with one is required. The value is one that --set may be shown with.
TYPES = {"int": "10", "float": "0.5", "bool": "true", "str": "text", "list": "[1, 2]", "any": "10"}
MAX_PATH = 256  # characters of a name
_LENGTH = 256  # of texts whose names are remembered
_NOTHING: frozenset[str] = frozenset()

_COMMON = frozenset(COMMON)
_BEFORE_IS = "in a `from` it stands for the value before"
_STRUCTURES = frozenset(STRUCTURES)
_PART = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?|0|[1-9][0-9]*")  # a hyphen: RegNet's `block1-0`
_WORD = re.compile(r"[A-Za-z_]\w*")
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

Position = tuple[Any, ...]  # of an item inside its graph: (3,), (3, "body", 0)


def snake_case(name: str) -> str:
    """`PatchEmbed` → `patch_embed`, `MLPBlock` → `mlp_block`."""
    return _WORD_START.sub("_", name).lower()


def is_block_name(name: str) -> bool:
    return name[:1].isupper() and name.isidentifier() and name.isascii()


def wrong_identifier(name: str) -> str | None:
    """Why a name cannot be an identifier of the compiled class, or None."""
    if not name:
        return "it is empty"
    if not name.isascii():
        return "it has characters other than ASCII letters, digits and underscores"
    if not name.isidentifier():
        if name[0].isdigit():
            return "it begins with a digit"
        odd = next((c for c in name if not (c.isalnum() or c == "_")), "")
        return "it has a space" if odd == " " else f"it has the character {odd!r}"
    if keyword.iskeyword(name):
        return "it is a word of Python's own"
    return None


def wrong_input(name: str) -> str | None:
    """Why an input cannot be called so, or None."""
    return _BEFORE_IS if name == BEFORE else wrong_identifier(name)


@lru_cache(maxsize=4096)
def wrong_path(path: str) -> str | None:
    """Why a name cannot be a module path, or None. Parts are indices or words, maybe with hyphens: `encoder.0.attn`."""
    if path == BEFORE:
        return _BEFORE_IS
    if len(path) > MAX_PATH:
        return f"it is longer than {MAX_PATH} characters"
    for part in path.split("."):
        if not part:
            return "a part between dots is empty" if path else "it is empty"
        if not _PART.fullmatch(part):
            return wrong_identifier(part) or "it is no identifier"
        if keyword.iskeyword(part):
            return f"`{part}` is a word of Python's own"
        if part in RESERVED or part.startswith("__"):
            return f"`{part}` is what PyTorch calls an attribute of every module (torch.nn.Module.{part})"
    return None


def key_of(item: Node) -> str | None:
    """The op, block or structure of an item as it is written; checked elsewhere."""
    if isinstance(item, Scalar):
        return item.value if isinstance(item.value, str) else None
    if isinstance(item, Mapping):
        first = None
        for key in item.entries:
            if key in _STRUCTURES:  # an unknown key beside it does not hide it: an item goes by what means something
                return key
            if first is None and key not in _COMMON:
                first = key
        return first
    return None


def name_key(item: Node) -> str | None:
    """The key under which an item has its name: `name`, or what is misspelt so (as is told of elsewhere)."""
    if not isinstance(item, Mapping):
        return None
    if "name" in item.entries:
        return "name"
    others = [key for key in item.entries if key not in _COMMON]
    if len(others) < 2:  # one is the op, block or structure
        return None
    unknown = [key for key in others if not (key in WORDS or is_block_name(key) or find(key))]
    meant = meant_keys([*(key for key in item.entries if key in _COMMON), *unknown], COMMON)
    return next((key for key, word in meant.items() if word == "name"), None)


def name_of(item: Node) -> str | None:
    """The written name of an item, if it is plain text."""
    key = name_key(item)
    if key is not None and isinstance(item, Mapping):
        node = item.entries[key]
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
    return None


def is_named(item: Node) -> bool:
    return name_key(item) is not None


def written_names(items: Sequence) -> Iterator[tuple[int, str, Span]]:
    """Every written name of a list: item number, name, place."""
    for index, item in enumerate(items.items):
        if not isinstance(item, Mapping):
            continue
        name = name_of(item)
        if name is not None:
            yield index, name, item.entries[name_key(item) or "name"].span
        outputs = item.entries.get("outputs")
        if isinstance(outputs, Sequence):
            for node in outputs.items:
                if isinstance(node, Scalar) and isinstance(node.value, str):
                    yield index, node.value, node.span


def inner_lists(item: Node) -> Iterator[tuple[Position, Sequence, str | None]]:
    """The lists of a structure: where, the list, and the name of the branch if it has one."""
    if not isinstance(item, Mapping) or _STRUCTURES.isdisjoint(item.entries):
        return
    key = key_of(item)
    assert key is not None
    value = item.entries[key]
    if isinstance(value, Sequence) and key != "parallel":
        yield ("body",), value, None
    elif isinstance(value, Mapping) and key in ("residual", "scan"):
        for part in ("body", "shortcut"):
            inside = value.entries.get(part)
            if isinstance(inside, Sequence):
                yield (part,), inside, None
    elif isinstance(value, Mapping) and key == "parallel":
        branches = value.entries.get("branches")
        if isinstance(branches, Mapping):
            for name, branch in branches.entries.items():
                if isinstance(branch, Sequence):
                    yield ("branch", name), branch, name
        elif isinstance(branches, Sequence):
            for number, branch in enumerate(branches.items):
                if isinstance(branch, Sequence):
                    yield ("branch", number), branch, None


def loop_names(repeat: Node | None) -> frozenset[str]:
    """The names that a `repeat` binds."""
    return frozenset() if repeat is None else LOOP | bound_names(repeat).keys()


def bound_names(repeat: Node) -> dict[str, Node]:
    """The names under `as`, by which a repeat's elements, or the entries of its elements, are read."""
    bound = repeat.get("as") if isinstance(repeat, Mapping) else None
    nodes = bound.items if isinstance(bound, Sequence) else [bound]
    return {node.value: node for node in nodes if isinstance(node, Scalar) and isinstance(node.value, str)}


def spliceable(item: Node) -> bool:
    """An unnamed structure that may add no path component.

    A repeated one must, as its turns are `sequence.0`, …, unless names in it go by the turn: then they are those of
    the list around.
    """
    if not isinstance(item, Mapping) or is_named(item) or _STRUCTURES.isdisjoint(item.entries):
        return False
    repeat = item.entries.get("repeat")
    if repeat is None:
        return True
    if "route" in item.entries or (isinstance(repeat, Mapping) and "carry" in repeat.entries):
        return False
    return _names_go_by(item, loop_names(repeat))


def _names_go_by(structure: Node, names: frozenset[str]) -> bool:
    """Does a name inside, which no named module comes before, hold one of `names` in an expression?"""
    for _, items, branch in inner_lists(structure):
        for item in items.items if branch is None else ():
            text = name_of(item)
            if not names.isdisjoint(_mentioned_in(text)):
                return True
            if not is_named(item) and isinstance(item, Mapping) and _names_go_by(item, names):
                return True
    return False


def _any_named(items: Sequence) -> bool:
    for item in items.items:
        if is_named(item) or (isinstance(item, Mapping) and "inline" in item.entries):
            return True
        if spliceable(item) and any(_any_named(inner) for _, inner, branch in inner_lists(item) if branch is None):
            return True
    return False


class Plan:
    """Module paths of the unnamed items of one graph, by position; `spliced`: unnamed structures add no component.

    The plan is read off the spec alone, before anything is evaluated: a name never depends on a parameter.
    """

    __slots__ = ("auto", "spliced")

    def __init__(self, lists: list[tuple[Position, Sequence]], *, indexed: bool = False) -> None:
        self.auto: dict[Position, str] = {}
        self.spliced = not indexed and any(_any_named(items) for _, items in lists)
        if self.spliced:
            self._after_ops(lists)
        else:
            number = 0  # the lists of one structure (body, shortcut) are numbered through
            for position, items in lists:
                for index in range(len(items.items)):
                    self.auto[(*position, index)] = str(number)
                    number += 1

    def _after_ops(self, lists: list[tuple[Position, Sequence]]) -> None:
        taken: set[str] = set()
        unnamed: list[tuple[Position, str]] = []

        for position, items in lists:
            _paths(position, items, taken, unnamed)
        counts: dict[str, int] = {}
        for here, base in unnamed:
            while True:
                count = counts.get(base, 0)
                counts[base] = count + 1
                path = f"{base}_{count}" if count else base
                if path not in taken:
                    break
            self.auto[here] = path


def _paths(position: Position, items: Sequence, taken: set[str], unnamed: list[tuple[Position, str]]) -> None:
    """Add the first components that names in a list take, and its unnamed items with what they are called after."""
    for index, item in enumerate(items.items):
        here = (*position, index)
        if is_named(item):
            name = name_of(item)
            if name:
                taken.add(name.split(".")[0])
        elif spliceable(item):
            for where, inner, branch in inner_lists(item):
                if branch is None:
                    _paths((*here, *where), inner, taken, unnamed)
                else:
                    taken.add(branch)
        else:
            key = key_of(item) or "item"
            words = _WORD.findall(key)  # of `$norm` the parameter, whatever its value
            unnamed.append((here, snake_case(words[-1] if key.startswith("$") and words else key)))


def _mentioned_in(value: object) -> frozenset[str]:
    if type(value) is not str or "$" not in value:
        return _NOTHING
    return _short(value) if len(value) <= _LENGTH else frozenset(_WORD.findall(value))


@lru_cache(maxsize=1024)
def _short(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text))


def mentioned(node: Node | None, inner: Callable[[Node], frozenset[str]] | None = None) -> frozenset[str]:
    """The names in the expressions under a node. `inner`: the same of a node in it, where somebody keeps that."""
    if isinstance(node, Scalar):
        return _mentioned_in(node.value)
    children: Iterable[Node] = ()
    if isinstance(node, Sequence):
        children = node.items
    elif isinstance(node, Mapping):
        children = node.entries.values()
    look = inner or mentioned
    each = (_mentioned_in(child.value) if type(child) is Scalar else look(child) for child in children)
    found = [names for names in each if names]
    if isinstance(node, Mapping):  # the op of an item may be what a parameter names
        found += [frozenset(_WORD.findall(key)) for key in node.entries if key.startswith("$")]
    return _NOTHING.union(*found) if found else _NOTHING
