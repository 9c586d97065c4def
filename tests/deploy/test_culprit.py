"""What an exporter refuses is an error at the op's line, with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from export_cases import SCAN, exported

from archspec.deploy.errors import ExportError

# PyTorch's kernel of `cov` asks a tensor's numbers, which no graph of torch.export can.
COVARIANCE = """
archspec: 1
name: covariance
inputs: {x: "float32[B, 6]"}
blocks:
  Head:
    layers:
      - {name: fc, linear: 4}
      - {name: moments, cov: {}}
layers:
  - {name: norm, layer_norm: {}}
  - {name: head, Head: {}}
"""
RECURRENT = """
archspec: 1
name: recurrent
inputs: {x: "float32[B, T, 6]"}
layers:
  - {name: fc, linear: 4}
  - {name: rnn, lstm: {hidden_size: 5, batch_first: true}}
outputs: {y: rnn}
"""


@pytest.mark.parametrize(
    ("text", "op", "help"),
    [
        (COVARIANCE, "cov:", "export as .ts, which takes `cov`"),
        pytest.param(RECURRENT, "lstm:", "fix a size, as --size T=18; or export as .onnx", marks=pytest.mark.slow),
        (SCAN, "scan:", "--size T="),
    ],
)
def test_it_names_the_op_and_what_to_do(tmp_path: Path, text: str, op: str, help: str) -> None:
    with pytest.raises(ExportError) as caught:
        exported(tmp_path, text, "program")
    place = caught.value.place
    assert place is not None
    lines = text.splitlines()
    (line,) = (number for number, written in enumerate(lines, 1) if op in written)
    assert (place.span.line, place.span.col) == (line, lines[line - 1].index(op) + 1)
    assert op[:-1] in place.label
    assert help in (caught.value.help or "")
    assert [p.name for p in tmp_path.iterdir()] == ["net.yaml"], "nothing is written"


def test_what_it_says_to_do_helps(tmp_path: Path) -> None:
    for text, form, fixed in [(COVARIANCE, "torchscript", {}), (RECURRENT, "program", {"T": 18})]:
        target, _, verified = exported(tmp_path, text, form, **fixed)
        assert verified is not None
        target.unlink()
