"""GitLab Code Quality: the part of the Code Climate format that GitLab reads."""

from __future__ import annotations

import json
from collections.abc import Sequence

from archspec.diagnostics.formats.findings import all_findings
from archspec.diagnostics.formats.github import message
from archspec.diagnostics.formats.paths import path, utf8
from archspec.diagnostics.outcome import Outcome

_SEVERITY = {"error": "major", "warning": "minor"}


def text(outcomes: Sequence[Outcome], *, version: str, root: str, strict: bool = False) -> str:
    issues = []
    for found in all_findings(outcomes, root):
        span, d = found.span, found.diagnostic
        issues.append(
            {
                "type": "issue",
                "check_name": d.code,
                "description": f"{d.code}: {message(d)}",
                "categories": ["Bug Risk"],
                "severity": _SEVERITY[d.severity.value],
                "fingerprint": found.fingerprint,
                "location": {
                    "path": utf8(path(span.file, root)),
                    "lines": {"begin": span.line, "end": max(span.end_line, span.line)},
                },
            }
        )
    return json.dumps(issues) + "\n"
