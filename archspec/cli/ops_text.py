"""Ops in words: for a terminal, and as the Markdown of docs/ops.md. All of it is read off the declarations."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from archspec.ops.registry import all_ops

if TYPE_CHECKING:
    from archspec.cli.output import Styles
    from archspec.ops.base import Arg, Example, Op

_PYTORCH = "https://docs.pytorch.org/docs/stable/generated/{}.html"
_HEAD = """\
<!-- Generated from the op declarations by `make docs`; edit those in archspec/ops/. -->
# Ops

Every op a spec may name, with PyTorch's names and arguments. In a terminal: `archspec ops NAME`.
An argument without a default is required; a lone value stands for the first argument (`linear: 10`).
The comment behind an example says what goes in and what comes out.
"""


def families() -> dict[str, list[type[Op]]]:
    """{module name: its ops, in order of declaration}"""
    out: dict[str, list[type[Op]]] = {}
    for op in all_ops().values():
        out.setdefault(op.__module__, []).append(op)
    return out


def title(module: str) -> str:
    """The first line of a family's docstring."""
    return first_line(sys.modules[module].__doc__)


def doc(op: type[Op]) -> str:
    return inspect.cleandoc(op.__doc__ or "")


def first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def listing(styles: Styles) -> str:
    width = max(map(len, all_ops()))
    lines = []
    for module, ops in families().items():
        lines += ["", styles.bold(title(module))] if lines else [styles.bold(title(module))]
        lines += [f"  {op.name:{width}}  {first_line(doc(op))}" for op in ops]
    return "\n".join(lines)


def describe(op: type[Op], styles: Styles) -> str:
    lines = [f"{styles.bold(op.name)}  {doc(op)}", ""]
    if op.counterpart:
        lines.append(f"PyTorch: {op.counterpart}")
    lines += [f"reads:   {reads(op)}", f"gives:   {gives(op)}"]
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


def reads(op: type[Op]) -> str:
    """`x`, `query, key (optional)`, `one or more values`, `nothing`"""
    words = []
    for name in op.inputs:
        if name.startswith("*"):
            words.append(f"{name[1:]} (one or more)")
        else:
            words.append(f"{name[:-1]} (optional)" if name.endswith("?") else name)
    return ", ".join(words) or "nothing"


def gives(op: type[Op]) -> str:
    return ", ".join(f"{name[1:]} (as many as there are)" if name.startswith("*") else name for name in op.result)


def value(data: Any) -> str:
    """Plain data as flow YAML."""
    import yaml

    text: str = yaml.safe_dump(_plain(data), default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _plain(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    if isinstance(data, dict):
        return {key: _plain(item) for key, item in data.items()}
    return data


def example(op: type[Op], shown: Example) -> tuple[str, str]:
    """(`- linear: 10`, `float32[B, 32] → float32[B, 10]`)"""
    empty = shown.args is None or shown.args == {}
    item = f"- {op.name}" if empty else f"- {op.name}: {value(shown.args)}"
    inputs = shown.inputs if isinstance(shown.inputs, str) else ", ".join(shown.inputs)
    outputs = shown.outputs if isinstance(shown.outputs, str) else ", ".join(shown.outputs)
    return item, f"{inputs + ' ' if inputs else ''}→ {outputs}"


def reference() -> str:
    """docs/ops.md"""
    parts = [_HEAD]
    grouped = families()
    for module, ops in grouped.items():
        parts.append(f"- {title(module)} {', '.join(f'[`{op.name}`](#{op.name})' for op in ops)}")
    parts.append("")
    for module, ops in grouped.items():
        parts.append(f"## {title(module).removesuffix('.')}\n")
        parts += [_section(op) for op in ops]
    return "\n".join(parts).rstrip("\n") + "\n"


def _section(op: type[Op]) -> str:
    lines = [f"### {op.name}", "", doc(op), ""]
    facts = []
    if op.counterpart:
        facts.append(f"PyTorch: {_link(op.counterpart)}.")
    lines += [" ".join([*facts, f"Reads: {reads(op)}.", f"Gives: {gives(op)}."]), ""]
    if op.args:
        lines += ["| argument | value | default | meaning |", "| --- | --- | --- | --- |"]
        lines += [_row(arg) for arg in op.args.values()]
        lines.append("")
    if op.examples:
        lines += ["```yaml", *("  # ".join(example(op, e)) for e in op.examples), "```", ""]
    return "\n".join(lines)


def _link(name: str) -> str:
    """The page of a `torch.…` name; tensor methods and operators have none of that form."""
    plain = name.removeprefix("torch.").replace(".", "").replace("_", "")
    if name.startswith("torch.") and plain.isalnum() and " " not in name:
        return f"[`{name}`]({_PYTORCH.format(name)})"
    return f"`{name}`"


def _row(arg: Arg[Any]) -> str:
    default = "required" if arg.required else f"`{value(arg.default)}`"
    cells = (f"`{arg.name}`", arg.kind.title, default, arg.doc)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
