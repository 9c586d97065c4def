"""How long a text is: all lines, and those that say something to the machine."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Lines(NamedTuple):
    """`total` lines, and those of them that are `code`: not blank, not only comment, not documentation."""

    code: int
    total: int

    def __add__(self, other: object) -> Lines:
        return Lines(self.code + other.code, self.total + other.total) if isinstance(other, Lines) else NotImplemented


def python(text: str, names: Iterable[str] | None = None) -> Lines:
    """Of the definitions of these names at the top level; of None, of the whole file. Docstrings are documentation."""
    tree, lines = ast.parse(text), text.splitlines()
    wanted = set(range(1, len(lines) + 1))
    if names is not None:
        wanted = {n for part in definitions(tree, names) for n in _span(part)}
    silent = {n for doc in _docstrings(tree) for n in _span(doc)}
    silent |= {n for n, line in enumerate(lines, 1) if not line.strip() or line.lstrip().startswith("#")}
    return Lines(len(wanted - silent), len(wanted))


def imports(text: str, names: Iterable[str]) -> Lines:
    """Of the imports that these definitions need."""
    tree = ast.parse(text)
    used = {n.id for part in definitions(tree, names) for n in ast.walk(part) if isinstance(n, ast.Name)}
    found = [s for s in tree.body if isinstance(s, ast.Import | ast.ImportFrom)]
    needed = [s for s in found if any((a.asname or a.name).partition(".")[0] in used for a in s.names)]
    count = sum(len(_span(statement)) for statement in needed)
    return Lines(count, count)


def definitions(tree: ast.Module, names: Iterable[str]) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef) and statement.name in names:
            yield statement


def _span(node: ast.stmt) -> range:
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    return range(first, (node.end_lineno or node.lineno) + 1)


def _docstrings(tree: ast.AST) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.Module) and ast.get_docstring(node) is not None:
            yield node.body[0]


def spec(text: str) -> Lines:
    """Of a spec. `doc` lines are its documentation."""
    lines = text.splitlines()
    code, doc = 0, -1  # doc: the indentation of the `doc` whose text goes on
    for line in lines:
        words = line.lstrip()
        if not words or words.startswith("#") or (0 <= doc < len(line) - len(words)):
            continue
        doc = len(line) - len(words) if words.startswith("doc:") else -1
        code += doc < 0
    return Lines(code, len(lines))
