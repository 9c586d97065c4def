"""Declarations in words, for a terminal. All of it is read off them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archspec.ops.registry import all_ops
from archspec.ops.words import doc, example, families, first_line, gives, reads, title, value

if TYPE_CHECKING:
    from archspec.cli.output import Styles
    from archspec.ops.base import Op


def listing(styles: Styles) -> str:
    width = max(map(len, all_ops()))
    lines: list[str] = []
    for module, ops in families().items():
        lines += ["", styles.bold(title(module))] if lines else [styles.bold(title(module))]
        lines += [f"  {op.name:{width}}  {first_line(doc(op))}" for op in ops]
    return "\n".join(lines)


def describe(op: type[Op], styles: Styles) -> str:
    lines = [f"{styles.bold(op.name)}  {doc(op)}", ""]
    if op.counterpart:
        lines.append(f"PyTorch: {op.counterpart}")
    lines += [f"reads:   {reads(op)}", f"gives:   {gives(op)}", f"shape:   {op.rule}"]
    if op.args:
        width = max(map(len, op.args))
        lines += ["", "arguments:"]
        for arg in op.args.values():
            default = "required" if arg.required else f"default {value(arg.default)}"
            lines.append(f"  {arg.name:{width}}  {arg.doc or arg.kind.title}")
            lines.append(f"  {'':{width}}  {styles.dim(f'{arg.kind.title}; {default}')}")
    if op.examples:
        lines += ["", "examples:"]
        for shown in op.examples:
            item, types = example(op, shown)
            lines += [f"  {item}", styles.dim(f"      # {types}")]
    return "\n".join(lines)
