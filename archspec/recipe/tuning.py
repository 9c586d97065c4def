"""Which parameters learn, and how fast: `freeze`, and what stands beside an optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from archspec.diagnostics.model import Diagnostics, Span
from archspec.diagnostics.suggest import did_you_mean
from archspec.ops.base import Op
from archspec.ops.kinds import BadValue, Float, Kind, NonNegativeFloat, Optional, Refined
from archspec.parameters.depth import layers
from archspec.parameters.selection import Selection, read_selection
from archspec.parameters.table import Entry, Table, TooManyError
from archspec.reading.expressions import FAILED, evaluate
from archspec.reading.nodes import Mapping, Node, Sequence
from archspec.recipe.model import Optimizer, ParamGroup, Tuning
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.parts import Written, at_path
from archspec.recipe.sections import Value
from archspec.shapes.typed import Typed

_NORMS = "archspec.ops.norm"  # the family of ops
_MOST_GROUPS = 256


class GroupList(Kind[Any]):
    """The rules of `groups`; they are read with their places, in `read_tuning`."""

    title = "a list of `{match: pattern, lr: …}`"

    def parse(self, value: Any) -> Any:
        return value

    def literal(self) -> dict[str, Any]:
        text = {"type": "string", "minLength": 1}
        return {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "match": {
                        "description": "patterns of names of parameters, or of modules",
                        "anyOf": [text, {"type": "array", "items": text, "minItems": 1}],
                    },
                    **_any_argument(),
                },
                "required": ["match"],
                "minProperties": 2,
            },
        }


def _any_argument() -> dict[str, Any]:
    """Schemas of all arguments of all optimizers; which ones an entry may have, the optimizer beside it says."""
    found: dict[str, list[dict[str, Any]]] = {}
    for optimizer in OPTIMIZERS.parts.values():
        for key, declared in optimizer.args.items():
            if key in optimizer.ours:
                continue
            one = declared.kind.schema()
            if one not in (known := found.setdefault(key, [])):
                known.append(one)
    return {key: kinds[0] if len(kinds) == 1 else {"anyOf": kinds} for key, kinds in found.items()}


_UpToOne = Float(0, 1, title="a number above 0, at most 1")

OPTIMIZER_VALUES: dict[str, Value] = {
    "groups": Value(
        GroupList(),
        None,
        "other arguments of the optimizer for the parameters that a pattern matches; a later entry counts more",
    ),
    "layer_decay": Value(
        Optional(Refined(_UpToOne, lambda decay: "it must be above 0" if decay == 0 else None)),
        None,
        "the learning rate of each layer is this times that of the layer after it",
    ),
    "norm_weight_decay": Value(
        Optional(NonNegativeFloat), None, "weight decay of the parameters of norms, instead of `weight_decay`"
    ),
    "bias_weight_decay": Value(
        Optional(NonNegativeFloat), None, "weight decay of all other biases, instead of `weight_decay`"
    ),
}
OPTIMIZER_KEYS: dict[str, Kind[Any]] = {key: value.kind for key, value in OPTIMIZER_VALUES.items()}
Model = Callable[[], tuple[Typed, Table]]


def read_tuning(
    freeze: Node | None,
    optimizer: Node | None,
    written: Written[Optimizer] | None,
    env: dict[str, Any],
    model: Model | None,
    diagnostics: Diagnostics,
) -> Tuning | None:
    """What `freeze` and the keys beside an optimizer say, by the names of the model's parameters.

    `model`: the model and its names, asked for only where something is said. None after an error (AS201, AS203, AS205,
    AS701).
    """
    beside = {key: value for key, value in (written.extra if written else {}).items() if value is not None}
    parted = written is not None and written.part.adamw is not None
    if (freeze is None and not beside and not parted) or model is None:
        return Tuning()
    try:
        typed, table = model()
    except TooManyError as error:
        at = freeze.span if freeze is not None else written.span if written is not None else None
        assert at is not None
        diagnostics.error("AS215", at, str(error))
        return None
    frozen: frozenset[str] | None = frozenset()
    if freeze is not None and not (isinstance(freeze, Sequence) and not freeze.items):
        chosen = read_selection(freeze, env, "freeze", table, diagnostics)
        frozen = None if chosen is None else chosen.of(table)
    groups: tuple[ParamGroup, ...] | None = ()
    if written is not None and (beside or parted):
        rules = optimizer.get("groups") if isinstance(optimizer, Mapping) else None
        arguments = optimizer.get(written.part.name) if isinstance(optimizer, Mapping) else None
        excluded = arguments.get("exclude") if isinstance(arguments, Mapping) else None
        groups = _Grouping(written, env, typed, table, diagnostics).groups(rules, excluded)
    if frozen is None or groups is None:
        return None
    held = [entry for entry in _trained(table) if entry.name not in frozen]
    if freeze is not None and not held:
        help = 'leave something out: `freeze: ["*", "!head"]`'
        diagnostics.error("AS205", freeze.span, "`freeze` leaves no parameter to train", help=help)
        return None
    elements = sum(math.prod(entry.state.shape) for entry in held)
    groups = tuple(g for group in groups if (g := group.without(frozen)).names)
    return Tuning(frozen, groups, elements if frozen else None)


def _trained(table: Table) -> list[Entry]:
    """Every parameter once, by its first name, but those that take no gradient."""
    return [
        entry
        for entry in table.entries.values()
        if entry.first == entry.name and entry.state.parameter and entry.state.requires_grad
    ]


class _Rule(NamedTuple):
    selection: Selection
    options: dict[str, Any]


class _Grouping:
    """Works out the options of every parameter: the optimizer's, then each rule's that matches it."""

    def __init__(
        self, written: Written[Optimizer], env: dict[str, Any], typed: Typed, table: Table, diagnostics: Diagnostics
    ) -> None:
        self.written = written
        self.part = written.part
        self.env = env
        self.typed = typed
        self.table = table
        self.diagnostics = diagnostics

    def groups(self, node: Node | None, excluded: Node | None = None) -> tuple[ParamGroup, ...] | None:
        """The groups by the rules of `node`; `excluded`: patterns of what is for the optimizer's `adamw`."""
        extra = self.written.extra
        if self.part.one_group and any(extra.values()):
            message = f"`{self.part.name}` has one learning rate for all parameters"
            self.diagnostics.error("AS203", next(iter(self.written.extra_spans.values())), message)
            return None
        rules = self.rules(node) if node is not None else []
        others = self.others(excluded)
        sound = rules is not None and others is not None
        for key in ("norm_weight_decay", "bias_weight_decay"):
            if extra.get(key) is not None and "weight_decay" not in self.part.args:
                span = self.written.extra_spans[key]
                self.diagnostics.error("AS203", span, f"`{self.part.name}` has no `weight_decay`")
                sound = False
        decay: float | None = extra.get("layer_decay")
        if not sound or rules is None or others is None:
            return None
        number, count = layers(self.typed, self.table) if decay is not None else ({}, 1)
        found: dict[tuple[Any, ...], ParamGroup] = {}
        for entry in _trained(self.table):
            adamw = entry.first in others
            part = self.part.adamw if adamw and self.part.adamw is not None else self.part
            options = self.of_kind(entry)
            for rule in rules:
                if rule.selection.has(*self.table.names[entry.first]):
                    options |= {key: value for key, value in rule.options.items() if key in part.args}
            if decay is not None:
                rate: float = options.get("lr", part.lr)
                options["lr"] = rate * decay ** (count - 1 - number[entry.name])
            options = {key: value for key, value in options.items() if value != getattr(part, key)}
            alike = (adamw, *sorted(options.items()))
            group = found.setdefault(alike, ParamGroup((), 0, options, adamw=adamw))
            found[alike] = group.plus(entry.name, math.prod(entry.state.shape))
        return tuple(sorted(found.values(), key=lambda group: (group.adamw, "lr" in group.options)))

    def others(self, excluded: Node | None) -> frozenset[str] | None:
        """First names of the parameters for the optimizer's `adamw`: no matrices, embeddings, and what is excluded."""
        if self.part.adamw is None:
            return frozenset()
        chosen: Selection | None = None
        if excluded is not None and not (isinstance(excluded, Sequence) and not excluded.items):
            chosen = read_selection(excluded, self.env, "exclude", self.table, self.diagnostics)
            if chosen is None:
                return None
        found = set()
        for first, names in self.table.names.items():
            entries = [self.table.entries[name] for name in names]
            tables = any(entry.op is not None and entry.op.weight_axes == "table" for entry in entries)
            if tables or len(entries[0].state.shape) != 2 or (chosen is not None and chosen.has(*names)):
                found.add(first)
        return frozenset(found)

    def of_kind(self, entry: Entry) -> dict[str, Any]:
        """What holds of norms and of biases."""
        extra = self.written.extra
        last = entry.name.rpartition(".")[2]
        if isinstance(entry.op, Op) and type(entry.op).__module__ == _NORMS:
            decay = extra.get("norm_weight_decay")
        elif last == "bias" or last.startswith("bias_") or last.endswith("_bias"):
            decay = extra.get("bias_weight_decay")
        else:
            decay = None
        return {} if decay is None else {"weight_decay": decay}

    def rules(self, node: Node) -> list[_Rule] | None:
        if not isinstance(node, Sequence) or len(node.items) > _MOST_GROUPS:
            message = "`groups` takes a list" if not isinstance(node, Sequence) else "too many `groups`"
            help = f"write `groups: [{{match: backbone, lr: 1e-4}}]`, at most {_MOST_GROUPS} of them"
            self.diagnostics.error("AS205", node.span, message, help=help)
            return None
        found = [self.rule(item) for item in node.items]
        rules = [rule for rule in found if rule is not None]
        return rules if len(rules) == len(found) else None

    def rule(self, node: Node) -> _Rule | None:
        if not isinstance(node, Mapping):
            self.diagnostics.error("AS205", node.span, "an entry of `groups` is a mapping: `{match: pattern, lr: …}`")
            return None
        match = node.get("match")
        if match is None:
            help = "a pattern of names: `{match: backbone, lr: 1e-4}`"
            self.diagnostics.error("AS204", node.span, "an entry of `groups` needs `match`", help=help)
        selection = None if match is None else read_selection(match, self.env, "match", self.table, self.diagnostics)
        options = self.options(node)
        if selection is None or options is None:
            return None
        if not options:
            self.diagnostics.error("AS205", node.span, "this entry of `groups` changes nothing", help="as `lr: 1e-4`")
            return None
        return _Rule(selection, options)

    def options(self, node: Mapping) -> dict[str, Any] | None:
        """The optimizer's arguments of a rule, checked alone and against its others."""
        args = [key for key in self.part.args if key not in self.part.ours]
        values: dict[str, Any] = {}
        sound = True
        for key, given in node.entries.items():
            if key == "match":
                continue
            if key not in args:
                help = did_you_mean(key, ["match", *args]) or f"its arguments are {', '.join(args)}"
                message = f"`{self.part.name}` has no argument `{key}`"
                self.diagnostics.error("AS203", node.keys[key], message, help=help)
                sound = False
                continue
            value = evaluate(given, self.env, self.diagnostics)
            if value is FAILED:
                sound = False
                continue
            values[key] = value
        if not sound:
            return None
        try:
            whole = type(self.part).parse({**self.part.keywords, **values})
        except BadValue as bad:
            key = str(bad.path[0]) if bad.path else "match"
            span: Span = at_path(node.entries[key], bad.path[1:]).span if key in node.entries else node.span
            self.diagnostics.error("AS205", span, f"`{key}`: {bad.message}", help=bad.help)
            return None
        return {key: getattr(whole, key) for key in values}
