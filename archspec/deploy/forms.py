"""The forms a model can be exported to. (Free of torch: the command tells them before it loads any.)"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from archspec.deploy.errors import ExportError


class Form(NamedTuple):
    name: str
    suffixes: tuple[str, ...]
    doc: str


FORMS = {
    form.name: form
    for form in (
        Form("weights", (".safetensors",), "the weights, with the names of the state_dict"),
        Form("source", (".py",), "the PyTorch source, without the weights"),
        Form("program", (".pt2",), "torch.export, for torch.export.load and AOTInductor"),
        Form("onnx", (".onnx",), "ONNX, for onnxruntime and others; needs the extra [onnx]"),
        Form("torchscript", (".ts", ".torchscript"), "TorchScript, for torch.jit.load and libtorch"),
    )
}


def form_of(path: Path, name: str | None) -> Form:
    """The form by its name, or else by the file's. Raises ExportError."""
    if name is not None:
        return FORMS[name]
    for form in FORMS.values():
        if path.suffix in form.suffixes:
            return form
    known = ", ".join(suffix for form in FORMS.values() for suffix in form.suffixes)
    raise ExportError(f"what to write to `{path}` cannot be told from its name", f"end it in {known}, or say --format")
