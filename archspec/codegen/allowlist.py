"""Emitted text is parsed once more and held against the syntax codegen is meant to write, before anything runs it."""

from __future__ import annotations

import ast

_NODES = (
    ast.Module, ast.Import, ast.ImportFrom, ast.alias, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg,
    ast.Expr, ast.Assign, ast.Return, ast.For, ast.If, ast.Delete, ast.Call, ast.keyword, ast.Attribute, ast.Name,
    ast.Load, ast.Store, ast.Del, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Subscript, ast.Slice, ast.Starred,
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.ListComp, ast.GeneratorExp, ast.comprehension,
    ast.JoinedStr, ast.FormattedValue, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip
_IMPORTS = {"math", "torch", "torch.nn.functional", "torch.nn.utils", "collections"}
_FUNCTIONS = {"range", "enumerate", "str", "getattr", "dict", "float", "super", "OrderedDict", "min", "max", "len",
              "abs", "sum", "zip", "int"}  # fmt: skip


class RefusedError(Exception):
    """Emitted text that is not of the expected form: a defect of codegen, and never run."""


def verify(text: str) -> None:
    """Raise RefusedError unless every construct of the text is one codegen writes."""
    tree = ast.parse(text)
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise RefusedError(f"line {getattr(node, 'lineno', '?')}: {type(node).__name__}")
        if isinstance(node, ast.Import) and any(a.name not in _IMPORTS for a in node.names):
            raise RefusedError(f"import of {node.names[0].name}")
        if isinstance(node, ast.ImportFrom) and node.module not in _IMPORTS:
            raise RefusedError(f"import from {node.module}")
        if isinstance(node, ast.Attribute) and node.attr.startswith("__") and node.attr != "__init__":
            raise RefusedError(f"attribute {node.attr}")
        if isinstance(node, ast.Name) and node.id.startswith("__"):
            raise RefusedError(f"name {node.id}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = node.func.id
            if called not in _FUNCTIONS and called not in classes and not called.islower():
                raise RefusedError(f"call of {called}")
            if called in ("eval", "exec", "compile", "open", "input", "globals", "vars", "setattr", "delattr"):
                raise RefusedError(f"call of {called}")
    allowed = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.Expr)
    if not all(isinstance(node, allowed) for node in tree.body):
        raise RefusedError("a statement outside a class")
