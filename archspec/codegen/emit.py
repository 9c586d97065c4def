"""The stage: a typed graph in, a Python file out that needs torch alone."""

from __future__ import annotations

import ast

from archspec.codegen import initial
from archspec.codegen.allowlist import verify
from archspec.codegen.attributes import Attributes
from archspec.codegen.construct import Construct
from archspec.codegen.forward import Forward
from archspec.codegen.layout import WIDTH, layout
from archspec.codegen.parameters import Parameters
from archspec.codegen.plan import ClassPlan, Planner
from archspec.shapes.typed import Typed


class Source:
    """`text` of the file; `class_name` of the root module, built without arguments."""

    def __init__(self, text: str, class_name: str) -> None:
        self.text = text
        self.class_name = class_name


def emit(root: Typed, doc: str = "", origin: str = "") -> Source:
    """Python source of a complete typed graph. `origin`: what the file was made from, for its first line."""
    texts: list[str] = []

    def write(plan: ClassPlan) -> None:
        texts.append(_class(plan))

    plans = Planner(root).run(write)
    head = ['"""' + _docstring(doc or root.graph.name, origin) + '"""', ""]
    body = "\n\n\n".join(texts)
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    if "math" in used:
        head += ["import math"]
    if "OrderedDict" in used:
        head += ["from collections import OrderedDict"]
    if len(head) > 2:
        head.append("")
    if "torch" in used:
        head.append("import torch")
    if "F" in used:
        head.append("import torch.nn.functional as F")
    head.append("from torch import nn")
    if "parametrizations" in used:
        head.append("from torch.nn.utils import parametrizations")
    text = "\n".join(head) + "\n\n\n" + body + "\n"
    verify(text)
    return Source(text, plans[-1].name)


def _docstring(doc: str, origin: str) -> str:
    clean = " ".join(doc.split()).replace("\\", "/").replace('"""', "'''")
    clean = clean + " " if clean.endswith('"') else clean
    lines = _wrap(clean, WIDTH - 3) if clean else []
    if origin:
        lines += ([""] if lines else []) + [f"Made from {origin} by archspec."]
    if len(lines) == 1:
        return lines[0]
    return "\n".join(lines) + "\n"


def _wrap(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def _class(plan: ClassPlan) -> str:
    parameters = Parameters(plan)
    construct = Construct(parameters)
    out: list[str] = []
    doc = plan.graph.doc
    if plan.chain is not None:
        inside = construct.text(plan.chain)
        inside = inside[len("nn.Sequential(") : -1]
        init = [f"super().__init__({inside})", *initial.lines(plan, construct, None)]
        base, forward = "nn.Sequential", None
    else:
        attributes = Attributes(plan, construct)
        forward = Forward(plan, parameters, attributes)
        kept = [f"self.{own} = {name}" for name, own in parameters.stored.items()]
        init = [attributes.lines[0], *kept, *attributes.lines[1:], *initial.lines(plan, construct, attributes)]
        base = attributes.base
    init = [*(f"{name} = {text}" for name, text in parameters.computed.items()), *init]
    plan.arguments = parameters.arguments()
    out.append(f"class {plan.name}({base}):")
    if doc:
        clean = " ".join(doc.split()).replace("\\", "/").replace('"""', "'''")
        wrapped = _wrap(clean, WIDTH - 10)
        if len(wrapped) == 1:
            out += [f'    """{clean}"""', ""]
        else:
            out += [f'    """{wrapped[0]}', *(f"    {line}" for line in wrapped[1:]), '    """', ""]
    if init != ["super().__init__()"]:
        signature = ["self", *(a.name + (f"={a.default}" if a.default else "") for a in plan.arguments)]
        out += layout(f"def __init__({', '.join(signature)}):", 4)
        for line in init:
            stripped = line.lstrip(" ")
            out += layout(stripped, 8 + len(line) - len(stripped))
    if forward is not None:
        if out[-1] and init != ["super().__init__()"]:
            out.append("")
        out += layout(f"def forward({', '.join(['self', *forward.signature])}):", 4)
        for statement, comment in forward.lines:
            out += _statement(statement, comment)
    return "\n".join(out)


def _statement(statement: str, comment: str) -> list[str]:
    stripped = statement.lstrip(" ")
    indent = 8 + len(statement) - len(stripped)
    if comment and indent + len(stripped) + len(comment) + 4 <= WIDTH:
        return [" " * indent + f"{stripped}  # {comment}"]
    lines = layout(stripped, indent)
    if comment and indent + len(comment) + 2 <= WIDTH:
        if len(lines) == 1:
            return [" " * indent + f"# {comment}", *lines]
        if len(lines[-1]) + len(comment) + 4 <= WIDTH:
            lines[-1] += f"  # {comment}"
    return lines
