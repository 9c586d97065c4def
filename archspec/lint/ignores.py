"""Comments that say which warnings are meant: `# archspec: ignore[AS401]` and `# archspec: ignore-file[AS401]`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from archspec.diagnostics.model import Diagnostic, Diagnostics, Edit, Fix, Span
from archspec.diagnostics.select import Selection
from archspec.reading.nodes import Mapping as YamlMapping
from archspec.reading.nodes import Node, Scalar, Sequence
from archspec.reading.reader import read
from archspec.reading.text import newlines

UNUSED = "AS404"

_WORD = "archspec:"
_MARK = re.compile(r"(?<![^\s])#[ \t]*archspec:[ \t]*ignore(?P<file>-file)?(?![\w-])[ \t]*(?:\[(?P<codes>[^\]\n]*)\])?")
_CODE = re.compile(r"AS[0-9]{3}")


class Ignore:
    """One comment. `lines`: those it speaks of, None for the whole file; `codes`: each with its place; `whole`: with
    what is written behind it."""

    __slots__ = ("codes", "lines", "span", "used", "whole")

    def __init__(self, span: Span, whole: Span, codes: dict[str, Span], lines: frozenset[int] | None) -> None:
        self.span = span
        self.whole = whole
        self.codes = codes
        self.lines = lines
        self.used: set[str] = set()


def without_ignored(
    found: Iterable[Diagnostic], sources: Mapping[str, str], own: str, selection: Selection, *, report_unused: bool
) -> list[Diagnostic]:
    """The findings that are given: without the warnings that are not selected or that a comment says are meant.

    Errors stay, and where there are some, warnings wait for their repair.
    Of the comments in the file `own`, those that name nothing there is to ignore are reported (AS404): the comments of
    other files may serve other specs.
    """
    listed = list(found)
    wrong = any(d.is_error for d in listed)
    listed = [d for d in listed if d.is_error or (not wrong and selection.wants(d.code))]
    ignores = {
        file: read_ignores(text, file)
        for file, text in sources.items()
        if _WORD in text and (file == own or any(d.span.file == file for d in listed))
    }
    if not any(ignores.values()):
        return listed
    covering = _by_place(ignores)
    kept: list[Diagnostic] = []
    for d in listed:
        places = ((d.span.file, d.code, line) for line in (None, d.span.line))
        comments = [each for place in places for each in covering.get(place, ())]
        for comment in comments:
            comment.used.add(d.code)
        if not comments:
            kept.append(d)
        elif d.is_error:
            kept.append(
                replace(d, notes=(*d.notes, f"line {comments[0].span.line} asks to ignore it: only warnings are"))
            )
    if report_unused and selection.wants(UNUSED) and not any(d.is_error for d in kept):
        kept += _unused(ignores.get(own, []), selection)
    return kept


def _by_place(ignores: Mapping[str, list[Ignore]]) -> dict[tuple[str, str, int | None], list[Ignore]]:
    """The comments for a code in a line of a file; in all of them, for None."""
    out: dict[tuple[str, str, int | None], list[Ignore]] = {}
    for file, comments in ignores.items():
        for each in comments:
            for code in each.codes:
                for line in (None,) if each.lines is None else each.lines:
                    out.setdefault((file, code, line), []).append(each)
    return out


def read_ignores(text: str, file: str) -> list[Ignore]:
    """The comments of a file, in their order."""
    if not _MARK.search(text):
        return []
    text = newlines(text.removeprefix("\ufeff"))
    lines = text.split("\n")
    marked = [(number, match) for number, line in enumerate(lines, 1) for match in _MARK.finditer(line)]
    root = read(text, file, Diagnostics())
    texts = list(_texts(root)) if root is not None else []
    out = []
    for number, match in marked:
        span = Span(file, number, match.start() + 1, number, match.end() + 1)
        if any(
            (t.line, t.col) <= (number, span.col) and (number, span.end_col) <= (t.end_line, t.end_col) for t in texts
        ):
            continue
        codes = {
            code.group().upper(): span._replace(
                col=match.start("codes") + code.start() + 1, end_col=match.start("codes") + code.end() + 1
            )
            for code in re.finditer(r"[^\s,]+", match["codes"] or "")
        }
        whole = span._replace(end_col=len(lines[number - 1].rstrip()) + 1)
        out.append(Ignore(span, whole, codes, None if match["file"] else _lines(lines, number, match.start())))
    return out


def _lines(lines: list[str], number: int, start: int) -> frozenset[int]:
    """The comment's own line; where it stands alone also the next one that is no comment."""
    if lines[number - 1][:start].strip():
        return frozenset((number,))
    after = number
    while after < len(lines) and (not lines[after].strip() or lines[after].lstrip().startswith("#")):
        after += 1
    return frozenset((number, after + 1))


def _texts(node: Node) -> Iterable[Span]:
    """Quoted and block texts: what looks like a comment in them is none."""
    if isinstance(node, Scalar):
        if not node.plain:
            yield node.span
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _texts(item)
    elif isinstance(node, YamlMapping):
        for value in node.entries.values():
            yield from _texts(value)


def _unused(ignores: list[Ignore], selection: Selection) -> list[Diagnostic]:
    found = Diagnostics()
    for comment in ignores:
        where = "in this file" if comment.lines is None else "here"
        if not comment.codes:
            found.warning(
                UNUSED, comment.span, "a comment that ignores warnings names their codes",
                help="write `# archspec: ignore[AS401]`, or remove it",
            )  # fmt: skip
            continue
        idle = {code: span for code, span in comment.codes.items() if code not in comment.used}
        told = {code: span for code, span in idle.items() if not _CODE.fullmatch(code) or selection.wants(code)}
        if len(told) == len(comment.codes):
            what = ", ".join(told)
            found.warning(
                UNUSED, comment.span, f"there is no {what} {where} to ignore", help=_help(told),
                fix=Fix("remove the comment", (Edit(comment.whole, None),)),
            )  # fmt: skip
            continue
        for code, span in told.items():
            rest = ", ".join(other for other in comment.codes if other not in told)
            mark = "ignore-file" if comment.lines is None else "ignore"
            found.warning(
                UNUSED, span, f"there is no {code} {where} to ignore", help=_help({code: span}),
                fix=Fix(f"leave `{rest}`", (Edit(comment.span, f"# archspec: {mark}[{rest}]"),)),
            )  # fmt: skip
    return found.sorted()


def _help(codes: Iterable[str]) -> str:
    from archspec.diagnostics.catalogue import catalogue
    from archspec.diagnostics.suggest import did_you_mean

    known = catalogue()
    for code in codes:
        if code not in known:
            meant = did_you_mean(code, known)
            return f"there is no code `{code}`" + (f"; {meant}" if meant else "")
    return "remove it"
