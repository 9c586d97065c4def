"""A comparison as JSON, as `schemas/archspec-diff-1.schema.json` describes it (see json_schema.py)."""

from __future__ import annotations

import json
from typing import Any

from archspec.compare.formats.json_schema import URL
from archspec.compare.model import Comparison, NodeChange, Side, Weights
from archspec.diagnostics.formats.paths import utf8


def text(found: Comparison, *, version: str) -> str:
    """One object, all characters beyond ASCII escaped."""
    document = {
        "$schema": URL,
        "version": 1,
        "archspec": version,
        "same": found.same,
        "before": _side(found.a),
        "after": _side(found.b),
        "nodes": [_node(node) for node in found.nodes],
        "weights": _weights(found.weights),
    }
    return json.dumps(document, indent=1) + "\n"


def _side(side: Side) -> dict[str, Any]:
    known = isinstance(side.flops, int)
    return {
        "file": utf8(side.file),
        "name": side.name,
        "parameters": side.parameters,
        "flops": side.flops if known else None,
        "flops_formula": None if known else side.flops,
        "sizes": dict(side.sizes),
        "inputs": dict(side.inputs),
        "outputs": dict(side.outputs),
        "requirements": list(side.requirements),
    }


def _node(node: NodeChange) -> dict[str, Any]:
    return {
        "status": node.status,
        "path": node.path,
        "before": node.before,
        "op": node.kind,
        "times": node.times,
        "depth": node.depth,
        "changes": [change._asdict() for change in node.changes],
        "outputs": list(node.outputs),
        "parameters": {"before": node.parameters[0], "after": node.parameters[1]},
    }


def _weights(weights: Weights) -> dict[str, Any]:
    return {
        "total": weights.total,
        "equal": list(weights.equal),
        "renamed": dict(weights.renamed),
        "reshaped": {r.name: {"before": list(r.before), "after": list(r.after)} for r in weights.reshaped},
        "misplaced": dict(weights.misplaced),
        "lost": list(weights.lost),
        "new": list(weights.new),
    }
