"""SARIF 2.1.0 (OASIS), as GitHub code scanning and editors read it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from archspec.diagnostics.catalogue import Entry, catalogue
from archspec.diagnostics.formats.findings import Finding, all_findings
from archspec.diagnostics.formats.github import message
from archspec.diagnostics.formats.paths import uri, utf8
from archspec.diagnostics.model import Span
from archspec.diagnostics.outcome import Outcome

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_STEERING = re.compile(r"(\{)(?=\d+\})|(\])(?=\()")  # a placeholder, `{0}`; a link, `[text](target)`


def text(outcomes: Sequence[Outcome], *, version: str, root: str, strict: bool = False) -> str:
    found = all_findings(outcomes, root)
    entries = catalogue()
    codes = sorted({f.diagnostic.code for f in found})
    driver = {
        "name": "archspec",
        "version": version,
        "semanticVersion": version,
        "rules": [_rule(entries[code], found) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": all(o.checked for o in outcomes)}],
        "results": [_result(f, codes, root) for f in found],
    }
    # Indented it would take ten times as long.
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}) + "\n"


def _rule(entry: Entry, found: Iterable[Finding]) -> dict[str, Any]:
    level = next(f.diagnostic.severity.value for f in found if f.diagnostic.code == entry.code)
    return {
        "id": entry.code,
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": _paragraphs(entry.meaning)},
        "help": {"text": f"{_paragraphs(entry.repair)}\n\n`archspec explain {entry.code}` shows an example."},
        "defaultConfiguration": {"level": level},
    }


def _result(found: Finding, codes: list[str], root: str) -> dict[str, Any]:
    d = found.diagnostic
    result: dict[str, Any] = {
        "ruleId": d.code,
        "ruleIndex": codes.index(d.code),
        "level": d.severity.value,
        "message": {"text": _plain(message(d))},
        "locations": [{"physicalLocation": _location(found.span, root)}],
        "partialFingerprints": {"archspecFinding/v1": found.fingerprint},
    }
    if d.secondary:
        result["relatedLocations"] = [
            {"id": n, "physicalLocation": _location(label.span, root), "message": {"text": _plain(utf8(label.text))}}
            for n, label in enumerate(d.secondary)
            if not label.span.file.startswith("--")
        ]
    if found.edits and d.fix is not None:
        result["fixes"] = [
            {"description": {"text": _plain(utf8(d.fix.title))}, "artifactChanges": _changes(found, root)}
        ]
    return result


def _changes(found: Finding, root: str) -> list[dict[str, Any]]:
    """The edits of a repair, by file."""
    files = dict.fromkeys(span.file for span, _ in found.edits)
    return [
        {
            "artifactLocation": {"uri": uri(file, root)},
            "replacements": [
                {"deletedRegion": _region(span), "insertedContent": {"text": utf8(text)}}
                for span, text in found.edits
                if span.file == file
            ],
        }
        for file in files
    ]


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _plain(text: str) -> str:
    """The text without what SARIF (3.11.5, 3.11.6) takes for placeholders and links; names in a spec are neither."""
    return _STEERING.sub(lambda found: f"{found.group()} ", text)


def _location(span: Span, root: str) -> dict[str, Any]:
    return {"artifactLocation": {"uri": uri(span.file, root)}, "region": _region(span)}


def _region(span: Span) -> dict[str, int]:
    end = (span.end_line, span.end_col) if (span.end_line, span.end_col) >= (span.line, span.col) else span[1:3]
    return {"startLine": span.line, "startColumn": span.col, "endLine": end[0], "endColumn": end[1]}
