"""A `scan` as the loop a person would write: slices by `unbind`, carried variables, results appended and stacked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archspec.codegen.plan import ClassPlan, NodePlan
from archspec.codegen.printer import print_expr
from archspec.codegen.sizes import SizeText, bind_sizes
from archspec.codegen.variables import Variables
from archspec.graph.ir import Scan

if TYPE_CHECKING:
    from archspec.codegen.forward import Forward

_APPENDED = 60  # characters of an expression that may stand in `ys.append(…)`


def write(outer: Forward, number: int, aligned: NodePlan, body: ClassPlan) -> None:
    """The statements of a scan, in the `forward` it stands in."""
    scan = aligned.node.scan
    assert scan is not None
    variables = outer.variables
    texts = [variables.text(source) for source in aligned.sources if source is not None]
    given = body.graph.inputs
    kept = [k for k in range(scan.stack) if variables.uses[(number, k)]]
    inner = Variables(body, variables)
    carried = []
    for k in range(scan.carry):
        slot, value = scan.over + k, (number, scan.stack + k)
        name = variables.carry(value, aligned.sources, slot, given[slot].name)
        if name != texts[slot]:
            outer.lines.append((f"{name} = {texts[slot]}", ""))
        carried.append(name)
    slices = [variables.part_of(given[k].name) if inner.uses[(-1, k)] else "_" for k in range(scan.over)]
    lists = [variables.fresh(_plural(body.graph.outputs[k][0])) for k in kept]
    inner.begin(slices, carried, texts[scan.over + scan.carry :])
    outer.lines += [(f"{name} = []", "") for name in lists]
    header = f"for {_header(outer, number, aligned, scan, slices, texts)}:"
    lines = outer.nested(body, inner)
    for k, name in zip(kept, lists, strict=True):
        _append(lines, name, body.outputs[k], inner, carried)
    nexts = [inner.text(body.outputs[scan.stack + k]) for k in range(scan.carry)]
    changed = [(name, text) for name, text in zip(carried, nexts, strict=True) if name != text]
    if changed:  # at once: one may be the other's next value
        lines.append((f"{', '.join(n for n, _ in changed)} = {', '.join(t for _, t in changed)}", ""))
    if lines:  # else nothing of it is read
        outer.lines.append((header, ""))
    outer.lines += [(f"    {line}", comment) for line, comment in lines]
    variables.adopt(inner)
    order = "[::-1]" if scan.reverse else ""
    for k, name in zip(kept, lists, strict=True):
        target = variables.target((number, k))
        outer.lines.append((f"{target} = torch.stack({name}{order}, dim={scan.dim})", outer.shape(aligned, k)))
    outer.free(number)


def _header(outer: Forward, number: int, aligned: NodePlan, scan: Scan, slices: list[str], texts: list[str]) -> str:
    if not slices:
        steps: Any = bind_sizes(aligned.first.steps, ())
        if isinstance(steps, SizeText):
            return f"_ in range({outer.size(number, steps, [])})"
        return f"_ in range({print_expr(steps)})"
    parts = [f"{text}.unbind({scan.dim})" for text in texts[: scan.over]]
    parts = [f"reversed({part})" for part in parts] if scan.reverse else parts
    return f"{slices[0]} in {parts[0]}" if len(parts) == 1 else f"{', '.join(slices)} in zip({', '.join(parts)})"


def _append(lines: list[tuple[str, str]], name: str, source: Any, inner: Variables, carried: list[str]) -> None:
    text = inner.text(source)
    statement, comment = lines[-1] if lines else ("", "")
    made = statement.removeprefix(f"{text} = ")
    if made != statement and inner.uses[source] == 1 and text not in carried and len(made) <= _APPENDED:
        lines[-1] = (f"{name}.append({made})", comment)
    else:
        lines.append((f"{name}.append({text})", ""))


def _plural(name: str) -> str:
    return f"all_{name}" if name.endswith("s") else f"{name}s"
