"""Lists of patterns as a spec writes them: `["*", "!head"]` is everything but the head."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from archspec.diagnostics.model import Diagnostics, Span
from archspec.parameters.pattern import Pattern, PatternError
from archspec.parameters.table import Table
from archspec.reading.expressions import FAILED, evaluate
from archspec.reading.nodes import Node, Sequence

MOST_PATTERNS = 256  # in one list or mapping
MOST_MATCHES = 4_000_000  # patterns times names, of one list


class Rule(NamedTuple):
    """A pattern where it is written. `negated`: what it matches is taken out again."""

    pattern: Pattern
    span: Span
    negated: bool = False


class Selection:
    """Patterns in order: each adds what it matches, or takes it out. The last one that matches decides."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)

    def has(self, *names: str) -> bool:
        """Is a tensor of these names chosen? One name that matches is enough."""
        chosen = False
        for rule in self.rules:
            if chosen is rule.negated and any(map(rule.pattern.matches, names)):
                chosen = not rule.negated
        return chosen

    def of(self, table: Table) -> frozenset[str]:
        """The names chosen, with all the names of a tied tensor where one of them is."""
        chosen: set[str] = set()
        for names in table.names.values():
            if self.has(*names):
                chosen.update(names)
        return frozenset(chosen)


def read_selection(
    node: Node, env: dict[str, object], what: str, table: Table, diagnostics: Diagnostics
) -> Selection | None:
    """A list of patterns (or one alone), each of which matches something; None after an error (AS205, AS701)."""
    items = node.items if isinstance(node, Sequence) else [node]
    if len(items) > MOST_PATTERNS:
        diagnostics.error("AS205", node.span, f"`{what}` has {len(items)} patterns; at most {MOST_PATTERNS}")
        return None
    found = [read_pattern(item, env, what, diagnostics, negatable=True) for item in items]
    rules = [rule for rule in found if rule is not None]
    if len(rules) < len(found) or not check_matches(rules, table, diagnostics):
        return None
    if rules and rules[0].negated:
        help = f'write `["*", "!{rules[0].pattern.text}"]` for all but these'
        diagnostics.error("AS205", rules[0].span, f"`{what}` begins with what is left out, of nothing", help=help)
        return None
    return Selection(rules)


def read_pattern(
    node: Node, env: dict[str, object], what: str, diagnostics: Diagnostics, *, negatable: bool = False
) -> Rule | None:
    """One pattern, or None after an error."""
    text = evaluate(node, env, diagnostics)
    if text is FAILED:
        return None
    if not isinstance(text, str):
        diagnostics.error("AS205", node.span, f'`{what}` takes patterns of names, as `layer1` or `"*.bias"`')
        return None
    return pattern_at(text, node.span, what, diagnostics, negatable=negatable)


def pattern_at(text: str, span: Span, what: str, diagnostics: Diagnostics, *, negatable: bool = False) -> Rule | None:
    """A pattern written at a place (a key, say), or None after an error."""
    negated = negatable and text.startswith("!")
    if text.endswith("."):
        help = f"the name of a module means all that is in it: `{text.rstrip('.')}`"
        diagnostics.error("AS205", span, f"`{what}`: no name ends in a dot, as `{text}` does", help=help)
        return None
    try:
        return Rule(Pattern(text[1:] if negated else text), span, negated)
    except PatternError as wrong:
        diagnostics.error("AS205", span, f"`{what}`: {wrong}")
        return None


def check_matches(rules: Iterable[Rule], table: Table, diagnostics: Diagnostics) -> bool:
    """Does each match a parameter or buffer? Those that do not are reported."""
    rules = list(rules)
    if len(rules) * len(table.entries) > MOST_MATCHES:
        message = f"{len(rules)} patterns for {len(table.entries):,} parameters are more than are looked at"
        diagnostics.error("AS215", rules[0].span, message, help="fewer and wider patterns")
        return False
    sound = True
    for rule in rules:
        if not any(map(rule.pattern.matches, table.entries)):
            message = f"no parameter of the model matches `{rule.pattern.text}`"
            diagnostics.error("AS701", rule.span, message, help=table.nearest(rule.pattern.text))
            sound = False
    return sound
