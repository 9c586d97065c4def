"""Parameters that no loss reaches: several processes leave them as one process does."""

from __future__ import annotations

from pathlib import Path

import pytest
from trained_together import SPEC, run, same, written

UNUSED = SPEC.replace(
    "  - {name: head,",
    "  - {name: side, linear: 7}\n  - {name: early, linear: 7, from: h}\n  - {name: head, from: norm,",
)
UNUSED = UNUSED.replace("outputs: {logits: head}", "outputs: {logits: head, side: side, early: early}")
UNUSED = UNUSED.replace("loss: cross_entropy", "loss: {cross_entropy: {input: logits}}")
UNUSED = UNUSED.replace("metrics: [perplexity]", "metrics: [{perplexity: {input: logits}}]")

FOUND = {"data": "ddp", "find_unused_parameters": True}
TWO = {
    "ddp": FOUND,
    "fsdp": {"data": "fsdp"},
    "tensor": {"tensor": 2},
    "context": {"context": 2},
    "pipeline": {"pipeline": 2},
    "interleaved": {"pipeline": 2, "schedule": "Interleaved1F1B"},  # the last stage is handed what no loss reads
}
FOUR = {"pipeline": {**FOUND, "pipeline": 2}, "tensor": {**FOUND, "tensor": 2}}


@pytest.mark.slow
@pytest.mark.parametrize(("count", "kinds"), [(2, TWO), (4, FOUR)])
def test_they_are_left_as_they_are(tmp_path: Path, count: int, kinds: dict[str, dict[str, object]]) -> None:
    """AdamW takes from the weights where a gradient is zero, and leaves them where there is none."""
    written(tmp_path)
    spec = tmp_path / "spec.yaml"
    spec.write_text(UNUSED)
    run(1, spec, tmp_path, {"alone": {}})
    choices = {name: {"runtime.parallel": kind} for name, kind in kinds.items()}
    choices["parts"] = {"runtime.parallel": FOUND, "runtime.micro_batch_size": 2}
    run(count, spec, tmp_path, choices)
    for name in choices:
        same(tmp_path / name, tmp_path / "alone", 1e-9)
