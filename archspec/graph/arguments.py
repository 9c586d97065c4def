"""Arguments of an op: evaluated, checked, and made an `OpCall`."""

from __future__ import annotations

import contextlib
from typing import Any

from archspec.diagnostics.model import Edit, Fix, Span
from archspec.diagnostics.suggest import did_you_mean, rename, surround, write_instead
from archspec.graph.context import FAILED, PLAIN, Context, has_local_size
from archspec.graph.ir import OpCall
from archspec.graph.items import Item
from archspec.graph.meant import meant_value
from archspec.graph.parametrize import read_parametrizations
from archspec.ops.base import Op
from archspec.ops.kinds import BadValue, show
from archspec.ops.known import op_of
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence, entry_span

# Arguments of PyTorch's constructors that follow from the input.
INFERRED = frozenset(
    {
        "in_channels",
        "in_features",
        "num_features",
        "input_size",
        "normalized_shape",
        "num_channels",
        "embed_dim",
        "d_model",
        "in1_features",
        "in2_features",
        "device",
    }
)

# What an argument is called elsewhere: by another op, by NumPy, Keras or Flax.
MEANT = {
    "axis": "dim",
    "end": "stop",
    "epsilon": "eps",
    "features": "out_features",
    "filters": "out_channels",
    "keepdims": "keepdim",
    "rate": "p",
    "stop": "end",
    "strides": "stride",
    "units": "out_features",
    "use_bias": "bias",
}

_FLOW = frozenset(",[]{}")  # what a plain scalar is not to have within braces


def op_call(ctx: Context, item: Item, env: dict[str, Any]) -> OpCall | None:
    """The op with its arguments, or None (reported)."""
    cls = item.op
    assert cls is not None
    call = ctx.literals.get(id(item.node))
    if call is not None:
        return call
    parametrize = item.get("parametrize")
    if parametrize is not None:
        changed = read_parametrizations(ctx, cls, parametrize, env)
        if changed is None:
            return None
        cls = changed
    given = argument_nodes(ctx, item, cls)
    if given is None:
        return None
    values: dict[str, Any] = {}
    healthy, sized = True, False
    for name, node in given.items():
        value = ctx.evaluate(node, env)
        if value is FAILED:
            healthy = False
            continue
        if name in cls.binding:
            value = cls.args[name].kind.bind(value, env)
        values[name] = value
        sized = sized or type(value) not in PLAIN
    missing = [name for name in cls.required if name not in given]
    if missing:
        _missing(ctx, item, cls, missing)
        return None
    if not healthy:
        return None
    if sized and has_local_size(values):  # checked where the block is called with known sizes
        return OpCall(cls, values, None)
    try:
        call = OpCall(cls, values, op_of(cls, values))
    except BadValue as bad:
        span = argument_span(item.value, cls, bad.path) or item.key_span
        argument = bad.path[0] if bad.path else None
        written = argument_node(item.value, cls, bad.path)
        if argument in cls.ref_inputs and written is not None and not isinstance(values[str(argument)], str):
            no_name(ctx, written, str(argument), values[str(argument)])
            return None
        what = f"`{argument}` of `{cls.name}`: {bad.message}" if argument else bad.message
        fix = None
        if len(bad.path) == 1:
            fix = meant_value(written, bad, cls.args[str(argument)].kind.parse)
        ctx.error("AS205", span, what, help=bad.help, value_of=item.value, fix=fix)
        return None
    if not ctx.mentions(item.value) and not ctx.mentions(parametrize) and cls.binding.isdisjoint(given):
        ctx.literals[id(item.node)] = call
    return call


def other_argument(cls: type[Op], node: Node, value: object) -> Fix | None:
    """`arange: {end: 4}` for `arange: 4`: a lone number that is none for the first argument, and enough for another."""
    if not isinstance(node, Scalar) or not isinstance(value, (int, float)):
        return None
    written = node.value if isinstance(node.value, str) else show(value)
    for name in cls.args:
        with contextlib.suppress(BadValue):
            cls.parse({name: value})
            if not node.plain or _FLOW.isdisjoint(written):
                return surround(node.span, f"{{{name}: ", "}", f"write `{{{name}: {written}}}`")._replace(safe=False)
    return None


def no_name(ctx: Context, node: Node, what: str, value: object, fix: Fix | None = None) -> None:
    """Report what stands for the name of a value and is no text. `fix`: what was meant, if that is known."""
    shown = "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else show(value)
    help = None
    if fix is not None:
        help = fix.title
    elif type(value) is int:
        help = f'a name of digits is quoted: `"{value}"`'
        fix = Fix("quote the name", (Edit(node.span, f'"{value}"', str(value)),))
    ctx.error("AS205", node.span, f"`{what}` takes the name of a value, got {shown}", help=help, fix=fix)


def argument_nodes(ctx: Context, item: Item, cls: type[Op]) -> dict[str, Node] | None:
    """The YAML of each argument by its name; None where one is unknown (reported)."""
    node = item.value
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return {}
    if isinstance(node, Mapping):
        unknown = [key for key in node.entries if key not in cls.args]
        for key in unknown:
            _unknown(ctx, cls, key, node)
        return None if unknown else dict(node.entries)
    first = next(iter(cls.args), None)
    if first is None:
        ctx.error("AS203", node.span, f"`{cls.name}` takes no arguments", help=f"write `{cls.name}` alone")
        return None
    return {first: node}


def argument_span(raw: Node | None, cls: type[Op], path: tuple[str | int, ...]) -> Span | None:
    """Where the value at `path` (a BadValue's or a Mismatch's) is written; None if it is not."""
    node = argument_node(raw, cls, path)
    return None if node is None else node.span


def argument_node(raw: Node | None, cls: type[Op], path: tuple[str | int, ...]) -> Node | None:
    """The YAML of the value at `path`; None if it is not written."""
    if raw is None:
        return None
    if not path:
        return None if isinstance(raw, Mapping) else raw
    name, *rest = path
    node: Node = raw
    if isinstance(raw, Mapping):
        found = raw.entries.get(str(name))
        if found is None:
            return None
        node = found
    elif name != next(iter(cls.args), None):
        return None
    for step in rest:
        inner: Node | None = None
        if isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
            inner = node.items[step]
        elif isinstance(node, Mapping):
            inner = node.entries.get(str(step))
        if inner is None:
            break
        node = inner
    return node


def _unknown(ctx: Context, cls: type[Op], key: str, node: Mapping) -> None:
    names, span = list(cls.args), node.keys[key]
    fix = rename(key, [name for name in names if name not in node], span)
    if key in INFERRED:
        help: str | None = "it follows from the input; leave it out"
        whole = entry_span(node, key)
        fix = Fix(f"leave `{key}` out", (Edit(whole, None),)) if whole is not None else None
    elif (meant := MEANT.get(key)) in names:
        assert meant is not None
        help = f"it is called `{meant}`"
        fix = write_instead(key, meant, span) if meant not in node else None
    elif not names:
        help = "it takes none"
    else:
        help = did_you_mean(key, names)
        listed = f"arguments: {', '.join(names)}"
        help = f"{help} ({listed})" if help else listed
    ctx.error("AS203", span, f"`{cls.name}` has no argument `{key}`", help=help, fix=fix)


def _missing(ctx: Context, item: Item, cls: type[Op], missing: list[str]) -> None:
    first = next(iter(cls.args))
    words = " and ".join(f"`{name}`" for name in missing)
    if isinstance(item.value, Sequence) and 1 < len(item.value.items) <= len(cls.args):
        each = ", ".join(f"{name}: {show(value)}" for name, value in zip(cls.args, item.value.data(), strict=False))
        help = f"a list is the first argument; write `{cls.name}: {{{each}}}`"
    elif missing == [first]:
        help = f"`{cls.name}: {{{first}: ...}}`, or `{cls.name}: ...` for this one alone"
    else:
        help = f"`{cls.name}: {{{', '.join(f'{name}: ...' for name in missing)}}}`"
    ctx.error("AS204", item.key_span, f"`{cls.name}` needs {words}", help=help)
