"""The `weights` section: which files, and how their tensors become the model's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from archspec.diagnostics.model import Diagnostics, Span
from archspec.diagnostics.suggest import did_you_mean
from archspec.ops.kinds import AnyInt, BadValue, Bool, Kind, ListOf, PositiveInt, Str
from archspec.parameters.pattern import check_template
from archspec.parameters.selection import (
    MOST_PATTERNS,
    Rule,
    Selection,
    check_matches,
    pattern_at,
    read_pattern,
    read_selection,
)
from archspec.parameters.table import Table
from archspec.reading.expressions import FAILED, evaluate
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence

KEYS: dict[str, str] = {
    "file": "the file, or several: .safetensors, an .index.json of shards or its folder, or .pt, .pth, .bin, .ckpt",
    "key": "where the tensors lie in a nested .pt file, as `model` or `ema.model`; left out: found",
    "ignore": "names in the file that are left there",
    "rename": 'names in the file to names here, in order: `"bert.encoder.layer.*": "layers.*"`',
    "split": 'tensors that are several here: `"*.qkv.weight": {into: ["*.q.weight", "*.k.weight", "*.v.weight"]}`',
    "concat": 'tensors here that are several in the file: `"*.qkv.weight": {from: ["*.q.weight", …]}`',
    "transpose": "matrices of the model that the file has transposed; with the order of dimensions, other tensors too",
    "reshape": "tensors of the model that the file has in another shape, with as many elements",
    "fresh": "what is initialised and not taken from the file: a new head",
    "strict": "false: what does not fit is left as it is initialised, and no error",
}
PART_KEYS = {"dim": "the dimension, in the file", "groups": "parts lie side by side within so many groups (heads)"}


class Join(NamedTuple):
    """One tensor `whole` (its pattern) and its `parts` (templates), along `dim`, in each of `groups`."""

    whole: Rule
    parts: tuple[str, ...]
    dim: int = 0
    groups: int = 1


class Reorder(NamedTuple):
    """`order`: the file's dimensions in the order they have here; None: a matrix is transposed."""

    rule: Rule
    order: tuple[int, ...] | None = None


class File(NamedTuple):
    path: str
    span: Span


class Section(NamedTuple):
    """A checked `weights` section. `fresh`: names in the model."""

    span: Span
    files: tuple[File, ...] = ()
    key: str | None = None
    ignore: tuple[Rule, ...] = ()
    rename: tuple[tuple[Rule, str], ...] = ()
    split: tuple[Join, ...] = ()
    concat: tuple[Join, ...] = ()
    transpose: tuple[Reorder, ...] = ()
    reshape: tuple[Rule, ...] = ()
    fresh: frozenset[str] = frozenset()
    strict: bool = True


def read_section(node: Node, env: dict[str, Any], table: Table, diagnostics: Diagnostics) -> Section | None:
    """The section against the model's names; None after an error (AS201, AS204, AS205, AS701)."""
    reader = _Reader(env, table, diagnostics)
    if not isinstance(node, Mapping):
        files = reader.files(node)
        return None if files is None else Section(node.span, files)
    sound = True
    for key, span in node.keys.items():
        if key not in KEYS:
            help = did_you_mean(key, KEYS) or f"its keys are {', '.join(KEYS)}"
            diagnostics.error("AS201", span, f"unknown key `{key}` in `weights`", help=help)
            sound = False
    read: dict[str, Callable[[Node], Any]] = {
        "file": reader.files,
        "key": lambda given: reader.value(given, Str, "key"),
        "ignore": lambda given: reader.patterns(given, "ignore", of_model=False),
        "rename": reader.renames,
        "split": lambda given: reader.joins(given, "split", "into"),
        "concat": lambda given: reader.joins(given, "concat", "from"),
        "transpose": reader.transposes,
        "reshape": lambda given: reader.patterns(given, "reshape", of_model=True),
        "fresh": reader.fresh,
        "strict": lambda given: reader.value(given, Bool, "strict"),
    }
    values: dict[str, Any] = {}
    for key, given in node.entries.items():
        if key in read and not (isinstance(given, Scalar) and given.value is None):
            value = read[key](given)
            sound = sound and value is not None
            values["files" if key == "file" else key] = value
    return Section(node.span, **values) if sound else None


class _Reader:
    def __init__(self, env: dict[str, Any], table: Table, diagnostics: Diagnostics) -> None:
        self.env = env
        self.table = table
        self.diagnostics = diagnostics

    def error(self, span: Span, message: str, help: str | None = None) -> None:
        self.diagnostics.error("AS205", span, message, help=help)

    def value(self, node: Node, kind: Kind[Any], what: str) -> Any:
        value = evaluate(node, self.env, self.diagnostics)
        if value is FAILED:
            return None
        try:
            return kind.parse(value)
        except BadValue as bad:
            self.error(node.span, f"`{what}`: {bad.message}", bad.help)
            return None

    def files(self, node: Node) -> tuple[File, ...] | None:
        items = node.items if isinstance(node, Sequence) else [node]
        out: list[File] = []
        for item in items:
            path = evaluate(item, self.env, self.diagnostics)
            if path is FAILED:
                continue
            if not isinstance(path, str) or not path or "\0" in path:
                self.error(item.span, "`weights` takes the path of a file", "write `weights: resnet50.safetensors`")
            elif "://" in path:
                self.error(item.span, f"`{path}`: nothing is read over a network", "download the file, and name it")
            else:
                out.append(File(path, item.span))
        return tuple(out) if len(out) == len(items) else None

    def entries(self, node: Node, what: str, example: str) -> Mapping | None:
        if not isinstance(node, Mapping):
            self.error(node.span, f"`{what}` takes a mapping", f"write `{what}: {example}`")
        elif len(node.entries) > MOST_PATTERNS:
            self.error(node.span, f"`{what}` has {len(node.entries)} patterns; at most {MOST_PATTERNS}")
        else:
            return node
        return None

    def patterns(self, node: Node, what: str, *, of_model: bool) -> tuple[Rule, ...] | None:
        items = node.items if isinstance(node, Sequence) else [node]
        if len(items) > MOST_PATTERNS:
            self.error(node.span, f"`{what}` has {len(items)} patterns; at most {MOST_PATTERNS}")
            return None
        rules = [read_pattern(item, self.env, what, self.diagnostics) for item in items]
        found = tuple(rule for rule in rules if rule is not None)
        if len(found) < len(rules) or (of_model and not check_matches(found, self.table, self.diagnostics)):
            return None
        return found

    def fresh(self, node: Node) -> frozenset[str] | None:
        chosen: Selection | None = read_selection(node, self.env, "fresh", self.table, self.diagnostics)
        return None if chosen is None else chosen.of(self.table)

    def template(self, node: Node, rule: Rule, what: str) -> str | None:
        text: str | None = self.value(node, Str, what)
        wrong = None if text is None else check_template(text, rule.pattern.wildcards)
        if wrong is not None:
            self.error(node.span, f"`{text}` cannot be made from `{rule.pattern.text}`: {wrong}")
            return None
        return text

    def renames(self, node: Node) -> tuple[tuple[Rule, str], ...] | None:
        given = self.entries(node, "rename", '{"bert.*": "*"}')
        if given is None:
            return None
        out: list[tuple[Rule, str]] = []
        for text, target in given.entries.items():
            rule = pattern_at(text, given.keys[text], "rename", self.diagnostics)
            template = None if rule is None else self.template(target, rule, "rename")
            if rule is not None and template is not None:
                out.append((rule, template))
        return tuple(out) if len(out) == len(given.entries) else None

    def joins(self, node: Node, what: str, word: str) -> tuple[Join, ...] | None:
        given = self.entries(node, what, f'{{"*.qkv.weight": {{{word}: ["*.q.weight", "*.k.weight", "*.v.weight"]}}}}')
        if given is None:
            return None
        out: list[Join] = []
        for text, entry in given.entries.items():
            rule = pattern_at(text, given.keys[text], what, self.diagnostics)
            join = None if rule is None else self.join(entry, rule, what, word)
            if join is not None:
                out.append(join)
        sound = len(out) == len(given.entries)
        if what == "concat":
            sound = check_matches([join.whole for join in out], self.table, self.diagnostics) and sound
        return tuple(out) if sound else None

    def join(self, node: Node, rule: Rule, what: str, word: str) -> Join | None:
        keys = (word, *PART_KEYS)
        if not isinstance(node, Mapping):
            self.error(node.span, f"`{what}` takes `{{{word}: [...]}}` for each pattern")
            return None
        sound = True
        for key, span in node.keys.items():
            if key not in keys:
                help = did_you_mean(key, keys) or f"its keys are {', '.join(keys)}"
                self.diagnostics.error("AS201", span, f"unknown key `{key}` in `{what}`", help=help)
                sound = False
        listed = node.get(word)
        if not isinstance(listed, Sequence) or not 1 < len(listed.items) <= MOST_PATTERNS:
            span = node.span if listed is None else listed.span
            self.diagnostics.error("AS204", span, f"`{what}` needs `{word}`, a list of two names or more")
            return None
        parts = [self.template(item, rule, word) for item in listed.items]
        dim = self.value(given, AnyInt, "dim") if (given := node.get("dim")) is not None else 0
        groups = self.value(given, PositiveInt, "groups") if (given := node.get("groups")) is not None else 1
        names = tuple(part for part in parts if part is not None)
        if not sound or len(names) < len(parts) or dim is None or groups is None:
            return None
        return Join(rule, names, dim, groups)

    def transposes(self, node: Node) -> tuple[Reorder, ...] | None:
        if not isinstance(node, Mapping):
            rules = self.patterns(node, "transpose", of_model=True)
            return None if rules is None else tuple(Reorder(rule) for rule in rules)
        if self.entries(node, "transpose", "") is None:
            return None
        out: list[Reorder] = []
        for text, given in node.entries.items():
            rule = pattern_at(text, node.keys[text], "transpose", self.diagnostics)
            order = self.value(given, ListOf(AnyInt, 2), "transpose")
            if rule is None or order is None or not check_matches([rule], self.table, self.diagnostics):
                continue
            if sorted(order) != list(range(len(order))):
                help = f"write each of 0 to {len(order) - 1} once, as torch.permute takes them"
                self.error(given.span, f"`transpose`: {list(order)} is no order of dimensions", help)
                continue
            out.append(Reorder(rule, order))
        return tuple(out) if len(out) == len(node.entries) else None
