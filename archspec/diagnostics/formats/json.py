"""The JSON of archspec's own, as `schemas/archspec-check-1.schema.json` describes it (see json_schema.py)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from archspec.diagnostics.formats.findings import Finding, findings
from archspec.diagnostics.formats.json_schema import URL
from archspec.diagnostics.formats.paths import path, utf8
from archspec.diagnostics.model import Span
from archspec.diagnostics.outcome import Model, Outcome, Tensor

MANY = 1000  # findings that nobody reads as JSON: the encoder that indents takes ten times as long


def text(outcomes: Sequence[Outcome], *, version: str, root: str, strict: bool = False) -> str:
    """One object. All characters beyond ASCII are escaped: nothing in it can steer a terminal."""
    specs = [_spec(outcome, root, strict) for outcome in outcomes]
    document = {
        "$schema": URL,
        "version": 1,
        "archspec": version,
        "summary": {
            "specs": len(outcomes),
            "ok": sum(_ok(o, strict) for o in outcomes),
            "errors": sum(o.errors for o in outcomes),
            "warnings": sum(o.warnings for o in outcomes),
        },
        "specs": specs,
    }
    many = sum(len(spec["diagnostics"]) for spec in specs) > MANY
    return json.dumps(document, indent=None if many else 1) + "\n"


def _ok(outcome: Outcome, strict: bool) -> bool:
    return outcome.ok and not (strict and outcome.warnings)


def _spec(outcome: Outcome, root: str, strict: bool) -> dict[str, Any]:
    return {
        "file": utf8(path(outcome.file, root)),
        "ok": _ok(outcome, strict),
        "model": None if outcome.model is None else _model(outcome.model),
        "diagnostics": [_diagnostic(found, outcome.file, root) for found in findings(outcome, root)],
    }


def _model(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "parameters": model.parameters,
        "flops": model.flops,
        "flops_formula": model.flops_formula,
        "sizes": dict(model.sizes),
        "inputs": [_tensor(tensor) for tensor in model.inputs],
        "outputs": [_tensor(tensor) for tensor in model.outputs],
        "requirements": list(model.requirements),
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape)}


def _diagnostic(found: Finding, file: str, root: str) -> dict[str, Any]:
    d = found.diagnostic
    command_line = d.span.file if found.span.file != d.span.file else None
    return {
        "code": d.code,
        "severity": d.severity.value,
        "message": utf8(d.message),
        "span": _span(found.span, root),
        "option": command_line,
        "label": utf8(d.label) or None,
        "related": [{"span": _span(label.span, root), "text": utf8(label.text)} for label in d.secondary],
        "trail": None if d.trail is None else utf8(d.trail),
        "help": None if d.help is None else utf8(d.help),
        "notes": [utf8(note) for note in d.notes],
        "fix": _fix(found, root),
        "fingerprint": found.fingerprint,
    }


def _fix(found: Finding, root: str) -> dict[str, Any] | None:
    fix = found.diagnostic.fix
    if fix is None or not found.edits:
        return None
    written = [{"span": _span(span, root), "text": utf8(text)} for span, text in found.edits]
    return {"title": utf8(fix.title), "safe": fix.safe, "edits": written}


def _span(span: Span, root: str) -> dict[str, Any]:
    return {
        "file": utf8(path(span.file, root)),
        "line": span.line,
        "column": span.col,
        "end_line": span.end_line,
        "end_column": span.end_col,
    }
