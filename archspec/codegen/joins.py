"""A repeat whose turns are joined: a list of what each gives, or a loop over those that rows are routed to."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from archspec.codegen.plan import NodePlan
from archspec.codegen.tree import rebuild
from archspec.codegen.variables import Variables
from archspec.graph.ir import Graph
from archspec.ops.expr import In, Module

if TYPE_CHECKING:
    from archspec.codegen.forward import Forward

_ADDED = 3  # turns of a sum that are written one behind the other
_LIST = 60  # characters of a list beyond which it gets a statement of its own


def merge(outer: Forward, number: int, aligned: NodePlan) -> None:
    """`torch.stack([head(x) for head in self.heads], dim=1)`."""
    variables = outer.variables
    texts = ["None" if s is None else variables.text(s) for s in aligned.sources]
    turns = len(aligned.first.calls)
    add = aligned.first.merge is not None and aligned.first.merge.name == "add"
    add = add and aligned.first.outputs[0].dtype != "bool"  # `sum` begins with 0: it would count them
    listed = _list(outer, number, aligned, texts)
    parts: list[str] = []
    expr = _whole_list(aligned.merge, turns)
    if not add and (expr is aligned.merge or len(listed) > _LIST):
        name = variables.fresh("turns")
        outer.lines.append((f"{name} = {listed}", ""))
        listed = name
        parts = [f"{name}[{turn}]" for turn in range(turns)]
    if add:
        text = _sum(listed)
    else:
        text = outer.text(number, expr, [*(parts or [""] * turns), listed], "")
    outer.write(number, aligned, f"{variables.target((number, 0))} = {text}")


def _sum(listed: str) -> str:
    """Of what a loop gives, or of many, as `sum`; of a few calls, as one would write it."""
    tree = ast.parse(listed, mode="eval").body
    if not isinstance(tree, ast.List):
        return f"sum({listed[1:-1]})"
    if len(tree.elts) <= _ADDED and all(isinstance(part, ast.Call) for part in tree.elts):
        return " + ".join(listed[part.col_offset : part.end_col_offset] for part in tree.elts)
    return f"sum({listed})"


def _list(outer: Forward, number: int, aligned: NodePlan, texts: list[str]) -> str:
    called = Module(*(In(i) for i, text in enumerate(texts) if text != "None"))
    single = outer.attributes.each(number)
    if aligned.ctor is not None and not single:
        each = "layer" if "layer" not in texts else outer.variables.fresh("layer")
        text = outer.text(number, aligned.forward or called, texts, each)
        return f"[{text} for {each} in {outer.attributes.every(number)}]"
    exprs = aligned.unrolled or [aligned.forward or called] * len(aligned.first.calls)
    owns = single or [""] * len(exprs)
    return f"[{', '.join(outer.text(number, expr, texts, own) for expr, own in zip(exprs, owns, strict=True))}]"


def _whole_list(expr: Any, turns: int) -> Any:
    """The expression with the list of everything that is read as one input; itself, where there is no such list."""
    found = False

    def change(part: Any) -> Any:
        nonlocal found
        if isinstance(part, (list, tuple)) and list(part) == [In(turn) for turn in range(turns)]:
            found = True
            return In(turns)
        return rebuild(part, change)

    changed = change(expr)
    return changed if found else expr


def route(outer: Forward, number: int, aligned: NodePlan) -> None:
    """A loop over the turns: those of the rows that chose one go through it, and are added up where they came from."""
    join = aligned.node.join
    assert join is not None
    variables, first = outer.variables, aligned.first
    texts = ["None" if s is None else variables.text(s) for s in aligned.sources]
    *given, chosen, weights = texts
    target = variables.target((number, 0), tuple(texts))
    variables.still_read(aligned.sources)
    x, whole = given[0], given[0]
    if first.inputs[0].rank > 2:
        x, picked = variables.fresh("tokens"), variables.fresh("picked")
        outer.lines += [(f"{x} = {whole}.flatten(0, -2)", ""), (f"{picked} = {chosen}.flatten(0, -2)", "")]
        chosen = picked
        if weights != "None":
            shares = variables.fresh("shares")
            outer.lines.append((f"{shares} = {weights}.flatten(0, -2)", ""))
            weights = shares
    out, features = first.outputs[0], first.outputs[0].shape[-1]
    dtype = f"dtype=torch.{out.dtype}" if out.dtype != first.inputs[0].dtype else ""
    if features == first.inputs[0].shape[-1]:
        zeros = f"torch.zeros_like({', '.join(filter(None, (x, dtype)))})"
    else:
        sizes = (f"{x}.shape[0]", outer.size_text(number, features), dtype)
        zeros = f"{x}.new_zeros({', '.join(filter(None, sizes))})"
    outer.lines.append((f"{target} = {zeros}", ""))
    turn, row = (variables.fresh(name) for name in ("turn", "row"))
    slot = "_" if weights == "None" else variables.fresh("slot")
    lines = [(f"{row}, {slot} = torch.where({chosen} == {turn})", "")]
    given[0] = f"{x}[{row}]"
    header, owns, given = _header(outer, number, aligned, turn, given)
    body, value = _turn(outer, number, aligned, given, owns)
    lines += body
    if weights != "None":
        value = f"{value} * {weights}[{row}, {slot}, None]"
    if not value.isidentifier():
        name = variables.fresh("share")
        lines.append((f"{name} = {value}", f"[{first.rows}, {features}]"))
        value = name
    lines.append((f"{target}.index_add_(0, {row}, {value}.to({target}.dtype))", ""))
    outer.lines.append((header, ""))
    outer.lines += [(f"    {line}", comment) for line, comment in lines]
    if x != whole:
        outer.write(number, aligned, f"{target} = {target}.unflatten(0, {whole}.shape[:-1])")
    else:
        outer.free(number)


def _header(outer: Forward, number: int, aligned: NodePlan, turn: str, given: list[str]) -> tuple[str, str, list[str]]:
    """The loop's first line, the turn's module, and the texts of what the turn reads."""
    join, variables = aligned.node.join, outer.variables
    assert join is not None
    names: list[str] = []
    values: list[str] = []
    own = ""
    if aligned.ctor is not None:
        own = variables.fresh("expert")
        names.append(own)
        values.append(outer.attributes.every(number))
    for slot in join.slices:
        callee = aligned.first.node.calls[0]
        wanted = callee.inputs[slot].name if isinstance(callee, Graph) else callee.cls.inputs[slot].strip("?*")
        name = variables.part_of(wanted)
        names.append(name)
        values.append(given[slot])
        given[slot] = name
    if not names:
        return f"for {turn} in range({len(aligned.first.calls)}):", own, given
    if len(names) == 1:
        return f"for {turn}, {names[0]} in enumerate({values[0]}):", own, given
    return f"for {turn}, ({', '.join(names)}) in enumerate(zip({', '.join(values)})):", own, given


def _turn(
    outer: Forward, number: int, aligned: NodePlan, given: list[str], own: str
) -> tuple[list[tuple[str, str]], str]:
    """Statements of one turn, and the text of what it gives."""
    if aligned.body is None:
        called = aligned.forward or Module(*(In(i) for i, text in enumerate(given) if text != "None"))
        return [], outer.text(number, called, given, own)
    inner = Variables(aligned.body, outer.variables)
    lines: list[tuple[str, str]] = []
    if inner.uses[(-1, 0)] > 1:
        name = outer.variables.fresh("part")
        lines.append((f"{name} = {given[0]}", ""))
        given = [name, *given[1:]]
    inner.begin([], [], given)
    lines += outer.nested(aligned.body, inner)
    text = inner.text(aligned.body.outputs[0])
    outer.variables.adopt(inner)
    return lines, text
