"""Every published network in every form that runs elsewhere; each is held against the model when it is written.

Each spec is exported in one of the forms, which goes by its name; `EXPORT_FORMS=all` takes all three.
"""

from __future__ import annotations

import os
from pathlib import Path
from zlib import crc32

import pytest
import torch

from archspec.deploy.errors import ExportError
from archspec.deploy.export import Options, export
from archspec.deploy.forms import FORMS
from archspec.runtime.trained import load_trained

ROOT = Path(__file__).parents[2] / "specs"
RUN = ("program", "onnx", "torchscript")
LARGE = 40 << 20  # bytes of weights beyond which ONNX is not tried: it takes minutes

# What PyTorch cannot export, and what `archspec export` says of it.
_STEPS = "does not run for"  # torch.export takes the steps of a recurrent layer or scan for a constant
REFUSED: dict[tuple[str, str], str] = {
    ("gru_language_model", "program"): _STEPS,
    ("jamba_tiny", "program"): _STEPS,
    ("jamba_tiny", "torchscript"): _STEPS,
    ("lstm_classifier", "program"): _STEPS,
    ("lstm_forecast", "program"): _STEPS,
    ("mamba_tiny", "program"): _STEPS,
    ("minimax_tiny", "onnx"): _STEPS,
    ("minimax_tiny", "program"): _STEPS,
    ("minimax_tiny", "torchscript"): _STEPS,
    ("qwen3_next_tiny", "onnx"): "takes `T` = .* for a constant",
    ("recurrent_gemma_tiny", "program"): _STEPS,
    ("recurrent_gemma_tiny", "torchscript"): _STEPS,
    ("rwkv_tiny", "program"): _STEPS,
    ("tutorial_sequence_model", "program"): _STEPS,
    ("mamba_tiny", "torchscript"): _STEPS,
    ("rwkv_tiny", "torchscript"): _STEPS,
}


def specs() -> list[Path]:
    found = [p for p in sorted(ROOT.rglob("*.yaml")) if "parts" not in p.parts and "llama_3" not in p.name]
    return [p for p in found if "archspec:" in p.read_text(encoding="utf-8")]


def turns() -> list[tuple[Path, str]]:
    every = os.environ.get("EXPORT_FORMS") == "all"
    return [(p, form) for p in specs() for j, form in enumerate(RUN) if every or crc32(p.stem.encode()) % len(RUN) == j]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "form"), turns(), ids=lambda v: v.stem if isinstance(v, Path) else v)
def test_it_is_exported(path: Path, form: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = load_trained(path)
    if form == "onnx" and sum(t.numel() * t.element_size() for t in net.module.state_dict().values()) > LARGE:
        form = "program"
    target = tmp_path / f"out{FORMS[form].suffixes[0]}"
    words = REFUSED.get((path.stem, form))
    if words is not None:
        with pytest.raises(ExportError, match=words) as caught:
            export(net.report, net.module, target, FORMS[form], Options({}))
        assert caught.value.help and caught.value.place
        assert not list(tmp_path.iterdir())
        return
    verified = export(net.report, net.module, target, FORMS[form], Options({}))
    assert verified is not None and verified.shapes
