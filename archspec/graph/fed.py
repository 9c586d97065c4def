"""What the turns of a repeat read besides the value that is handed on, where `from` goes by the turn."""

from __future__ import annotations

from typing import NamedTuple

from archspec.graph.context import Context
from archspec.graph.ir import Value
from archspec.graph.items import Item
from archspec.graph.repeats import Turn
from archspec.graph.scope import Scope
from archspec.graph.wiring import NOTHING, Chain, Inputs, read_inputs, read_name
from archspec.reading.nodes import Mapping, Sequence


class Fed(NamedTuple):
    """`inputs`: of the first turn; `turns`: the values that each turn reads, None where all read the same."""

    inputs: Inputs | None
    turns: list[tuple[Value | None, ...]] | None = None


def read_fed(
    ctx: Context, scope: Scope, item: Item, declared: tuple[str, ...], before: Chain, turns: list[Turn] | None
) -> Fed:
    """The inputs of an item, which `from` may name anew for each turn (reported where that does not go)."""
    source = item.get("from")
    if source is None or turns is None or not ctx.mentions(source) & item.loop_names:
        return Fed(read_inputs(ctx, scope, item, declared, before))
    around = scope.env
    if not turns:  # only what takes the place of the item is of use
        entries = source.items if isinstance(source, Sequence) else list(getattr(source, "entries", {}).values())
        first = entries[0] if entries else source
        value = None if ctx.mentions(first) & item.loop_names else read_name(ctx, scope, first, before=before)
        rest = (None,) * (len(declared) - 1)
        return Fed(Inputs((NOTHING if value is None else value, *rest), (first.span, *rest)))
    every: list[Inputs] = []
    for turn in turns:
        scope.env = turn.env
        found = read_inputs(ctx, scope, item, declared, before)
        scope.env = around
        if found is None:
            return Fed(None)
        every.append(found)
    repeat = item.get("repeat")
    carry = repeat.get("carry") if isinstance(repeat, Mapping) else None
    count = ctx.evaluate(carry, scope.env) if carry is not None else 1
    count = count if isinstance(count, int) else 1  # else it is reported
    if len({found.values[:count] for found in every}) > 1:
        what = "the first value" if count == 1 else f"the first {count} values"
        message = f"{what} of a repeat {'is' if count == 1 else 'are'} handed on from turn to turn"
        ctx.error("AS210", source.span, message, help="only what is read besides may go by the turn")
        return Fed(None)
    if len({tuple(value is None for value in found.values) for found in every}) > 1:
        ctx.error("AS210", source.span, "an input is there in some turns and left out in others")
        return Fed(None)
    same = all(found.values == every[0].values for found in every)
    return Fed(every[0], None if same else [found.values for found in every])
