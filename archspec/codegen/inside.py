"""How a module inside another is reached: `.layers[1].attn`."""

from __future__ import annotations

from archspec.codegen.ctor import is_chain
from archspec.codegen.names import is_attribute
from archspec.ops.base import Op
from archspec.shapes.typed import Typed


def reach_inside(callee: Op | Typed, path: str) -> str | None:
    """Text behind that of the callee's module, for a module at a path inside; None where no such text is certain."""
    if isinstance(callee, Op):
        return None
    makers = [done for done in callee.nodes if done.node.shared is None and done.node.scan is None]
    calls = {own: call for done in makers for own, call in zip(done.node.paths, done.calls, strict=True)}
    chain = is_chain(callee)
    text, here, rest = "", "", path
    while rest:
        part, _, rest = rest.partition(".")
        beside = [own for own in calls if not here or own.startswith(f"{here}.")]
        names = list(dict.fromkeys(own[len(here) + bool(here) :].partition(".")[0] for own in beside))
        if is_attribute(part):
            text += f".{part}"
        elif names == [str(k) for k in range(len(names))] and (chain or all(_is_module(calls[own]) for own in beside)):
            text += f"[{part}]"  # else it is a dict, or has gaps
        else:
            return None
        here = f"{here}.{part}" if here else part
        if here in calls and rest:
            inner = reach_inside(calls[here], rest)
            return None if inner is None else text + inner
    return text


def _is_module(callee: Op | Typed) -> bool:
    return isinstance(callee, Typed) or (callee.attribute == "module" and not callee.bare())
