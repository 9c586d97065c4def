"""ONNX by PyTorch's exporter on torch.export, run and checked with onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from archspec.deploy.errors import ExportError, RefusedError
from archspec.deploy.inputs import by_name
from archspec.deploy.program import quiet
from archspec.dims import Dim
from archspec.pipeline import Report

NEEDED = ("onnx", "onnxscript", "onnxruntime")


def check_installed() -> None:
    """Raises ExportError where the extra is not there."""
    from importlib.util import find_spec

    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ExportError(f"ONNX needs {', '.join(missing)}", "pip install 'archspec-nn[onnx]'")


def export_onnx(report: Report, program: ExportedProgram, path: Path, opset: int | None) -> None:
    """Write the program as ONNX: inputs, outputs and their sizes are called as in the spec. A model of more than 2 GiB
    has its weights in a file beside it."""
    names = [
        {axis: str(size) for axis, size in enumerate(type_.shape) if isinstance(size, Dim)}
        for type_ in report.inputs.values()
    ]
    given: dict[str, Any] = {} if opset is None else {"opset_version": opset}
    try:
        with quiet():
            made = torch.onnx.export(
                program,
                dynamo=True,
                verbose=False,
                input_names=list(report.inputs),
                output_names=list(report.outputs),
                dynamic_shapes=dict(zip(report.inputs, names, strict=True)),
                **given,
            )
            assert made is not None
            made.model.graph.name = report.name or "model"
            made.save(path, external_data=_large(program))
    except Exception as error:  # an op it has no counterpart for, for one
        cause: BaseException = error  # around it stands where in the exporter it came up
        while cause.__cause__ is not None:
            cause = cause.__cause__
        words = (str(cause).strip() or type(cause).__name__).splitlines()[0][:300]
        raise RefusedError(f"PyTorch's ONNX exporter refuses the model: {words}") from None


def _large(program: ExportedProgram) -> bool:
    """A file of ONNX holds less than 2 GiB."""
    sizes = (tensor.numel() * tensor.element_size() for tensor in program.state_dict.values())
    return sum(sizes) > (2 << 30) - (64 << 20)


def runner(path: Path, names: list[str]) -> Any:
    """Runs a file with onnxruntime, on the CPU."""
    import onnx
    import onnxruntime

    onnx.checker.check_model(str(path))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = [given.name for given in session.get_inputs()]

    def run(given: tuple[Tensor, ...]) -> dict[str, Tensor]:
        fed = {name: tensor.numpy() for name, tensor in zip(inputs, given, strict=True)}
        return by_name([torch.from_numpy(value) for value in session.run(names, fed)], names)

    return run
