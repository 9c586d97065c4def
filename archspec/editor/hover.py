"""What is shown of the place under the cursor: an op's documentation, inferred types, parameters, values."""

from __future__ import annotations

from archspec.editor import schema_path
from archspec.editor.analysis import Analysis
from archspec.editor.definition import Scene, block, definition, item_path
from archspec.editor.tree import Found, at, find, text
from archspec.editor.types import ItemType
from archspec.ops.base import Op
from archspec.ops.registry import find as find_op
from archspec.ops.words import doc as op_doc
from archspec.ops.words import gives, reads, value
from archspec.reading.nodes import Mapping, Node, Scalar
from archspec.shapes.state import state_of


def hover(analysis: Analysis, line: int, col: int) -> str | None:
    """Markdown for a place (from 1), or None where there is nothing to say."""
    root = analysis.root
    if root is None or (found := find(root, line, col)) is None:
        return None
    path = item_path(found.path)
    item = at(root, path)
    word = found.key if found.key is not None else text(found.node)
    parts: list[str] = []
    if word is not None and (found.key is None or _is_call(found, path)):
        op = find_op(word)
        if op is not None and (found.key is not None or found.node is item):
            parts += [_types(analysis, item), _op(op)]
        elif (given := block(Scene(root, analysis.report.assembled), word)) is not None:
            parts += [_types(analysis, item), _block(word, given.node)]
    if not parts and found.key is not None:
        explained = schema_path.doc(found.path)
        parts = [f"**{found.key}**: {explained}" if explained else "", _types(analysis, item)]
    if not parts and isinstance(found.node, Scalar):
        parts = [_name(analysis, line, col), _types(analysis, item)]
    said = [part for part in parts if part]
    return "\n\n".join(said) if said else None


def _is_call(found: Found, path: tuple[object, ...]) -> bool:
    """Is the key that of the item's op or block?"""
    return len(found.path) == len(path) + 1


def _types(analysis: Analysis, item: Node | None) -> str:
    known = analysis.type_of(item) if item is not None else None
    if known is None:
        return ""
    inputs = ", ".join("-" if x is None else str(x) for x in known.inputs)
    outputs = ", ".join(map(str, known.outputs))
    lines = [
        f"```\n{inputs + ' → ' if inputs else ''}{outputs}{'  (elsewhere other types)' if known.several else ''}\n```"
    ]
    if (count := _parameters(known)) > 0:
        lines.append(f"{count:,} parameters")
    return "\n\n".join(lines)


def _parameters(known: ItemType) -> int:
    total = 0
    for callee, types in zip(known.done.calls, known.done.call_inputs, strict=False):
        for _, state in state_of(callee, types):
            if state.parameter:
                count = 1
                for size in state.shape:
                    count *= size
                total += count
    return total


def _op(op: type[Op]) -> str:
    lines = [f"**{op.name}**" + (f" ({op.counterpart})" if op.counterpart else ""), "", op_doc(op), ""]
    lines += [f"reads {reads(op)}; gives {gives(op)}  ", f"shape: {op.rule}", ""]
    for arg in op.args.values():
        default = "required" if arg.required else f"default `{value(arg.default)}`"
        lines.append(f"- `{arg.name}`: {arg.doc or arg.kind.title} ({arg.kind.title}; {default})")
    return "\n".join(lines).rstrip()


def _block(name: str, node: Node | None) -> str:
    lines = [f"**{name}** (block)"]
    if isinstance(node, Mapping):
        if doc := text(node.get("doc")):
            lines += ["", doc]
        params = node.get("params")
        if isinstance(params, Mapping):
            lines.append("")
            lines += [f"- `{key}`: `{value(given.data())}`" for key, given in params.entries.items()]
    return "\n".join(lines)


def _name(analysis: Analysis, line: int, col: int) -> str:
    given = definition(analysis, line, col)
    if given is None:
        return ""
    if given.kind == "parameter":
        elaboration = analysis.report.elaboration
        now = elaboration.params.get(given.name) if elaboration is not None else None
        written = "" if given.node is None else value(given.node.data())
        return f"**{given.name}** (parameter): `{written if now is None else value(now)}`"
    if given.kind == "input":
        known = analysis.report.inputs.get(given.name)
        return f"**{given.name}** (input)" + (f": `{known}`" if known is not None else "")
    if given.kind == "value" and given.node is not None:
        types = analysis.type_of(given.node)
        return f"**{given.name}**" + (f": `{', '.join(map(str, types.outputs))}`" if types is not None else "")
    return f"**{given.name}** ({given.kind})"
