"""Warnings about what ops do to one another: a bias that a norm takes out, rows that no window reads, …"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archspec.diagnostics.model import Diagnostics, Edit, Fix, Label, Span
from archspec.dims import Constraints, Dim, Facts, Size
from archspec.lint.walk import OpSite, graphs, op_sites, producer
from archspec.ops.base import Op, Unread
from archspec.ops.known import freeze
from archspec.reading.nodes import Mapping, Node, Scalar
from archspec.shapes.typed import Typed

Rule = Callable[[OpSite, Facts, Diagnostics], bool]


def warn(root: Typed, facts: Facts, found: Diagnostics) -> None:
    """Warnings AS411 to AS414, each at most once for an item, whatever it is called with."""
    seen: set[tuple[Rule, Span]] = set()
    promises = freeze(facts.promises)
    asked: dict[type[Any], tuple[Rule, ...] | None] = {}

    def rules_of(kind: type[Op]) -> tuple[Rule, ...] | None:
        return asked[kind] if kind in asked else asked.setdefault(kind, _rules(kind))

    for typed, prefix in graphs(root):
        if typed.silent == promises:
            continue
        silent = True
        for site, rules in op_sites(typed, prefix, rules_of):
            for rule in rules:
                if (rule, site.node.span) in seen or rule(site, facts, found):
                    seen.add((rule, site.node.span))
                    silent = False
        if silent:
            typed.silent = promises


def _rules(kind: type[Op]) -> tuple[Rule, ...] | None:
    """The rules that may have something to say of a class of ops; None for none."""
    rules: list[Rule] = []
    if kind.centred_axis is not Op.centred_axis:
        rules.append(_bias)
    if kind.unread is not Op.unread:
        rules.append(_unread)
    if kind.nonlinear:
        rules.append(_activations)
    if kind.idle is not Op.idle:
        rules.append(_idle)
    return tuple(rules) or None


def _bias(site: OpSite, facts: Facts, found: Diagnostics) -> bool:
    """A constant along the channels, and right after it a norm that subtracts the mean of each channel."""
    made = producer(site)
    if made is None:
        return False
    node, op, inputs = made
    read = site.node.inputs[0]
    axis = op.bias_axis(*inputs)
    if axis is None or read is None or axis != site.op.centred_axis(*site.inputs) or site.uses.reads[read] > 1:
        return False
    if node.shared is not None or read.node in site.uses.called_again or "bias" in node.tie:
        return False  # the same module is called where no norm follows
    label = op.name if node.auto else node.label
    found.warning(
        "AS411",
        node.span,
        f"the bias of `{label}` has no effect: `{site.op.name}` takes out the mean of each channel",
        secondary=[Label(site.node.span, "here")],
        help="write `bias: false`",
        fix=_without_bias(node.raw, next(iter(op.args)), node.span),
    )
    return True


def _without_bias(raw: Node | None, first: str, key: Span) -> Fix | None:
    """`bias: false` among the arguments. Not safe: weights that were stored with a bias have one more entry."""
    edits: tuple[Edit, ...] = ()
    if isinstance(raw, Mapping) and "bias" in raw:
        value = raw.entries["bias"]
        if isinstance(value, Scalar) and value.value is True:
            edits = (Edit(value.span, "false"),)
    elif isinstance(raw, Mapping) and raw.entries:
        last = list(raw.entries)[-1]
        end, start = raw.entries[last].span, raw.keys[last]
        if end.file == start.file and (end.line, end.col) >= (start.line, start.col):
            here = end._replace(line=end.end_line, col=end.end_col)
            flow = (raw.span.end_line, raw.span.end_col) > (end.end_line, end.end_col)
            edits = (Edit(here, ", bias: false" if flow else f"\n{' ' * (start.col - 1)}bias: false"),)
    elif isinstance(raw, Scalar) and raw.value is not None and raw.span.line == key.line:
        end = raw.span._replace(line=raw.span.end_line, col=raw.span.end_col)
        start = raw.span._replace(end_line=raw.span.line, end_col=raw.span.col)
        edits = (Edit(start, f"{{{first}: "), Edit(end, ", bias: false}"))
    return Fix("write `bias: false`", edits, safe=False) if edits else None


def _unread(site: OpSite, facts: Facts, found: Diagnostics) -> bool:
    """Rows or columns at the end that no window reaches, for the sizes there are or for all there can be."""
    known = site.op.known.get(site.inputs)
    unread = known.unread if known is not None else None
    if unread is None:
        unread = tuple(each for each in site.op.unread(*site.inputs) if _possible(each))
        if known is not None:
            known.unread = unread
    lost = [(each, count) for each in unread if (count := _lost(each, facts))]
    if not lost:
        return False
    x = site.inputs[0]
    what = " and ".join(_cells(each.unit, count) for each, count in lost)
    sizes = ", ".join(
        f"{x.shape[each.axis]} {each.unit}s into windows of {each.window} at steps of {each.step}" for each, _ in lost
    )
    ceil = "set `ceil_mode: true`, " if "ceil_mode" in site.op.args else ""
    found.warning(
        "AS412",
        site.node.span,
        f"`{site.op.name}` never reads the last {what} of its input",
        label=f"reads {x}",
        help=f"{ceil}pad, or give it another size, if they count",
        notes=[f"in `{site.prefix}{site.node.paths[site.turn]}`: {sizes}"],
    )
    return True


def _possible(unread: Unread) -> bool:
    return not isinstance(unread.left, int) or unread.left > unread.spare


def _lost(unread: Unread, facts: Facts) -> int:
    """How many cells of the input are lost whatever the sizes are (-1: some)."""
    left: Size = unread.left
    if isinstance(left, int):
        return max(left - unread.spare, 0)
    if not isinstance(left, Dim) or not any(name in facts.promises for name in left.symbols):
        return 0
    return 0 if Constraints(facts).at_least(unread.spare, left) else -1


def _cells(unit: str, count: int) -> str:
    return unit if count == 1 else f"{unit}s" if count < 0 else f"{count} {unit}s"


def _activations(site: OpSite, facts: Facts, found: Diagnostics) -> bool:
    """An activation of what another one gave, where the second changes nothing or is the first once more."""
    made = producer(site)
    again = site.turn > 0 and site.node.repeated
    if made is None and not again:
        return False
    node, op = (site.node, site.op) if made is None else made[:2]
    if not op.nonlinear:
        return False
    if op.nonnegative and site.op.keeps_nonnegative:
        message = f"`{site.op.name}` changes nothing: `{op.name}` gives nothing below 0"
    elif type(op) is type(site.op):
        message = f"`{site.op.name}` of a `{op.name}`: two activations in a row"
    else:
        return False
    found.warning(
        "AS413", site.node.span, message, secondary=[Label(node.span, "the first")],
        help="leave one of them out",
    )  # fmt: skip
    return True


def _idle(site: OpSite, facts: Facts, found: Diagnostics) -> bool:
    """An op that does nothing of use with the arguments that are written (those of a parameter may be other ones)."""
    why = site.op.idle()
    if why is None or not _literal(site.node.raw):
        return False
    found.warning(
        "AS414", site.node.span, f"`{site.op.name}` is of no use: {why}", help="leave it out, or give another value"
    )
    return True


def _literal(raw: Node | None) -> bool:
    if isinstance(raw, Mapping):
        return all(map(_literal, raw.entries.values()))
    return not (isinstance(raw, Scalar) and isinstance(raw.value, str) and "$" in raw.value)
