"""Where a check is: which call of which node, and the calls that led there."""

from __future__ import annotations

from typing import NamedTuple

from archspec.diagnostics.model import Label
from archspec.graph.ir import Graph, Node
from archspec.shapes.typed import Typed


class CallSite(NamedTuple):
    """Which call of which node (-1: all of them), and the call that led into this graph."""

    typed: Typed
    number: int
    turn: int
    parent: CallSite | None

    @property
    def node(self) -> Node:
        return self.typed.graph.nodes[self.number]


def turn_note(site: CallSite) -> tuple[str, ...]:
    """In which turn of its own repeat."""
    node = site.node
    if not node.repeated or site.turn < 0:
        return ()
    return (f"in turn {turn_number(node, site.turn)} of {len(node.calls)} of `{node.label}`",)


def called_here(site: CallSite | None) -> list[Label]:
    """The calls that led to a place, the nearest first, each at its item."""
    labels = []
    while site is not None:
        words = call_words(site.node, site.turn)
        if words:
            labels.append(Label(site.node.key_span, words))
        site = site.parent
    return labels


def call_words(node: Node, turn: int) -> str:
    """What a label says of a call; "" of a list that simply stands there."""
    callee = node.calls[turn]
    if not isinstance(callee, Graph):
        return ""
    if callee.kind == "scan":
        return "in a step of this `scan`"
    if node.repeated:
        return f"in turn {turn_number(node, turn)} of `{node.label}`{', called here' * (callee.kind == 'block')}"
    return f"in `{node.paths[turn] or node.label}`, called here" if callee.kind == "block" else ""


def turn_number(node: Node, turn: int) -> int:
    """The number that the spec knows a turn by (`$i`): some may be left out, or stand in another node."""
    last = node.paths[turn].rpartition(".")[2]
    return int(last) if last.isdecimal() else turn
