"""Budgets: what a model may cost at most, as the `budget` section and the command line say it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from archspec.cost.amounts import BadAmountError, count, size
from archspec.diagnostics.model import Diagnostics, Span
from archspec.diagnostics.suggest import did_you_mean
from archspec.reading.expressions import FAILED, evaluate
from archspec.reading.nodes import Mapping as MappingNode
from archspec.reading.nodes import Node

AT = "at"


class Kind(NamedTuple):
    """A cost that can be limited. `words`: what it is called in a message, after a number."""

    words: str
    amount: Callable[[str | int | float], int]


KINDS = {
    "params": Kind("parameters", count),
    "flops": Kind("FLOPs", count),
    "param_bytes": Kind("bytes of parameters", size),
    "state_bytes": Kind("bytes of parameters and buffers", size),
}


class Limit(NamedTuple):
    most: int
    span: Span


class Budget(NamedTuple):
    """`limits`: by the names of KINDS. `at`: values of symbols at which FLOPs are counted, each with its place.

    `sources`: the text of the pseudo files that places on the command line are in.
    """

    limits: Mapping[str, Limit] = {}
    at: Mapping[str, tuple[int, Span]] = {}
    sources: Mapping[str, str] = {}

    def over(self, other: Budget) -> Budget:
        """This one, and what the other says where this one says nothing."""
        return Budget({**other.limits, **self.limits}, {**other.at, **self.at}, {**other.sources, **self.sources})


def read_budget(
    section: Node | None, symbols: Iterable[str], env: Mapping[str, Any], diagnostics: Diagnostics
) -> Budget:
    """The `budget` section, `symbols` being those of the inputs. Reports AS205, AS206, and AS208, AS209.

    What the schema stage refuses is passed over in silence.
    """
    if not isinstance(section, MappingNode):
        return Budget()
    limits = {}
    for key, kind in KINDS.items():
        node = section.get(key)
        value = None if node is None else evaluate(node, env, diagnostics)
        if node is None or value is FAILED or isinstance(value, bool) or not isinstance(value, (int, float, str)):
            continue
        try:
            limits[key] = Limit(kind.amount(value), node.span)
        except BadAmountError as bad:
            diagnostics.error("AS205", node.span, f"`{key}` of `budget` takes {bad}; got `{value}`")
    return Budget(limits, _read_at(section.get(AT), list(symbols), env, diagnostics))


def _read_at(
    node: Node | None, symbols: list[str], env: Mapping[str, Any], diagnostics: Diagnostics
) -> dict[str, tuple[int, Span]]:
    at: dict[str, tuple[int, Span]] = {}
    if not isinstance(node, MappingNode):
        return at
    for name, value_node in node.entries.items():
        if name not in symbols:
            help = did_you_mean(name, symbols)
            if help is None:
                help = f"sizes of the inputs: {', '.join(symbols)}" if symbols else "no input has a size with a name"
            diagnostics.error("AS206", node.keys[name], f"no input has a size `{name}`", help=help)
            continue
        value = evaluate(value_node, env, diagnostics)
        if value is FAILED:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**63:
            if isinstance(value, (int, str)) and not isinstance(value, bool):
                message = f"`{name}` of `at` takes a positive integer, got `{value}`"
                diagnostics.error("AS205", value_node.span, message)
            continue
        at[name] = value, value_node.span
    return at


def given(options: Mapping[str, str], at: Mapping[str, int]) -> Budget:
    """A budget of the command line, {"--max-params": "5M"}. Raises BadAmountError, with the option in front."""
    limits, sources = {}, dict(options)
    for key, kind in KINDS.items():
        text = options.get(option(key))
        if text is None:
            continue
        try:
            limits[key] = Limit(kind.amount(text), Span(option(key), 1, 1, 1, len(text) + 1))
        except BadAmountError as bad:
            raise BadAmountError(f"`{option(key)} {text}`: it takes {bad}") from None
    sizes: dict[str, tuple[int, Span]] = {}
    written = ""
    for name, value in at.items():
        start = len(written) + 1
        written += f"{name}={value},"
        sizes[name] = value, Span("--at", 1, start, 1, len(written))
    if at:
        sources["--at"] = written.removesuffix(",")
    return Budget(limits, sizes, sources)


def option(key: str) -> str:
    """The option of the command line: `--max-params`."""
    return f"--max-{key.replace('_', '-')}"
