"""`repeat` and `when`: which turns of an item there are, and what each can read."""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.diagnostics.model import Label
from archspec.diagnostics.suggest import did_you_mean, rename, write_instead
from archspec.dims import Dim
from archspec.graph.context import FAILED, MAX_TURNS, Context
from archspec.graph.items import Item
from archspec.graph.labels import evaluated_name
from archspec.graph.names import bound_names, wrong_identifier
from archspec.graph.scope import Scope
from archspec.ops.kinds import show
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence


class Turn(NamedTuple):
    """One call of an item: its number in the repeat (0 where there is none), what its expressions read, its path."""

    number: int
    env: dict[str, Any]
    path: str


def turns_of(ctx: Context, item: Item, scope: Scope, name: Any) -> list[Turn] | None:
    """The turns whose `when` holds (one, for an item without `repeat`); None if wrong (reported)."""
    repeat, when, written = item.get("repeat"), item.get("when"), item.get("name")
    base = name if isinstance(name, str) else scope.builder.plan.auto.get(item.position, item.key)
    if repeat is None:
        holds = read_flag(ctx, when, scope.env)
        return None if holds is None else [Turn(0, scope.env, base)] if holds else []
    envs = _envs(ctx, repeat, scope.env)
    if envs is None:
        return None
    own = written is not None and name is None  # each turn has a name of its own
    differs = when is not None and bool(ctx.mentions(when) & item.loop_names)
    holds = True if differs else read_flag(ctx, when, scope.env)
    if holds is None:
        return None
    read = (item.value, *(node for key, node in item.common.items() if key != "repeat"))
    if not own and not differs and not any(ctx.mentions(node) & item.loop_names for node in read):
        envs = envs[:1] * len(envs)  # the turns are all alike
    out: list[Turn] = []
    for number, env in enumerate(envs if holds else ()):
        here = read_flag(ctx, when, env) if differs else True
        path: Any = f"{base}.{number}"
        if own:
            assert written is not None
            path = evaluated_name(ctx, scope, written, env)
        if here is None or path is FAILED:
            return None
        if here:
            out.append(Turn(number, env, path))
    ctx.spend(item.key_span, len(out) // 4)  # a turn is less work than a step: what is equal is built once
    return out


def read_flag(ctx: Context, node: Node | None, env: dict[str, Any], word: str = "when") -> bool | None:
    """Is what `word` says of an item true, as it is where nothing is said? None if wrong (reported)."""
    if node is None:
        return True
    value = ctx.settled(node, env)
    if value is FAILED:
        return None
    if isinstance(value, bool):
        return value
    help = fix = None
    written = isinstance(value, str) and isinstance(node, Scalar) and node.value == value
    if isinstance(value, str) and value in env:
        help = f"the value of a parameter is written `${value}`"
        fix = write_instead(value, f"${value}", node.span, safe=True) if written else None
    elif value in ("yes", "no", "on", "off"):
        help = "YAML 1.2 writes booleans `true` and `false`"
        meant = "true" if value in ("yes", "on") else "false"
        fix = write_instead(value, meant, node.span, safe=True) if written else None
    elif isinstance(value, str) and any(sign in value for sign in "=<>") and "$" not in value:
        help = f"an expression is written `$({value})`"
        if written and not set(value) & set(",[]{}#:\"'"):
            fix = write_instead(value, f"$({value})", node.span, safe=True)
    ctx.error("AS205", node.span, f"`{word}` takes true or false, got {show(value)}", help=help, value_of=node, fix=fix)
    return None


def _envs(ctx: Context, repeat: Node, env: dict[str, Any]) -> list[dict[str, Any]] | None:
    if isinstance(repeat, Mapping):
        if not _keys(ctx, repeat):
            return None
        if "count" not in repeat.entries:
            return _each(ctx, repeat, env)
        repeat = repeat.entries["count"]
    count = ctx.settled(repeat, env)
    if count is FAILED:
        return None
    if isinstance(count, Dim):
        ctx.error("AS306", repeat.span, f"`repeat` is known when the model is built; {count} only when it runs")
        return None
    if isinstance(count, list):
        ctx.error(
            "AS205",
            repeat.span,
            "`repeat` takes a count; to go through a list use `each`",
            help="`repeat: {each: $stages, as: stage}`",
        )
        return None
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        ctx.error("AS205", repeat.span, f"`repeat` takes a count, 0 or more, got {show(count)}", value_of=repeat)
        return None
    return [{**env, "i": i} for i in range(count)] if _bounded(ctx, repeat, count) else None


_KEYS = ("each", "as", "count", "carry")


def _keys(ctx: Context, repeat: Mapping) -> bool:
    healthy = True
    for key in repeat.entries:
        if key not in _KEYS:
            help = did_you_mean(key, _KEYS) or f"keys: {', '.join(_KEYS)}"
            fix = rename(key, [each for each in _KEYS if each not in repeat], repeat.keys[key])
            ctx.error("AS201", repeat.keys[key], f"`repeat` has no key `{key}`", help=help, fix=fix)
            healthy = False
    if "count" in repeat.entries and ("each" in repeat.entries or "as" in repeat.entries):
        other = "each" if "each" in repeat.entries else "as"
        ctx.error("AS201", repeat.keys[other], "`repeat` goes by `count` or through a list with `each`, not both")
        healthy = False
    return healthy


def _each(ctx: Context, repeat: Mapping, env: dict[str, Any]) -> list[dict[str, Any]] | None:
    each, bound = repeat.get("each"), repeat.get("as")
    names = list(bound_names(repeat))
    written = bound.items if isinstance(bound, Sequence) else [] if bound is None else [bound]
    healthy = len(names) == len(written) > 0 and not any(map(wrong_identifier, names))
    if bound is not None and not healthy:
        help = "`as: stage`, or `as: [width, depth]` for elements that are lists of two"
        ctx.error("AS205", bound.span, "`as` takes the name that an element is read by", help=help)
    healthy |= bound is None
    if each is None:
        if healthy:
            ctx.error(
                "AS204",
                repeat.span,
                "`repeat` needs `each` or `count`",
                help="`repeat: {each: $stages, as: stage}`, or a count",
            )
        return None
    values = ctx.evaluate(each, env)
    if values is FAILED or not healthy:
        return None
    if not isinstance(values, (list, tuple)):
        ctx.error(
            "AS205",
            each.span,
            f"`each` takes a list, got {show(values)}",
            help=f"for a count: `repeat: {values}`" if isinstance(values, int) else None,
        )
        return None
    if not _bounded(ctx, each, len(values)):
        return None
    if not isinstance(bound, Sequence):
        return [{**env, **dict.fromkeys(names, value), "i": i} for i, value in enumerate(values)]
    for value in values:
        if not isinstance(value, (list, tuple)) or len(value) != len(names):
            got = f"a list of {len(value)}" if isinstance(value, (list, tuple)) else show(value)
            what = f"`as` names {len(names)} entries of each element, and one is {got}"
            ctx.error("AS205", bound.span, what, secondary=[Label(each.span, "the elements")], value_of=each)
            return None
    return [{**env, **dict(zip(names, value, strict=True)), "i": i} for i, value in enumerate(values)]


def _bounded(ctx: Context, node: Node, count: int) -> bool:
    if count > MAX_TURNS:
        ctx.error("AS215", node.span, f"{count:,} turns; a repeat has at most {MAX_TURNS:,}")
        return False
    return True
