"""Writing a model in one of its forms: made, held against the model, then put in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

import archspec
from archspec import pipeline
from archspec.codegen.emit import Source
from archspec.deploy import onnx
from archspec.deploy.culprit import Attempt, blamed
from archspec.deploy.errors import RefusedError
from archspec.deploy.files import placed
from archspec.deploy.forms import FORMS, Form
from archspec.deploy.inputs import inputs, outputs
from archspec.deploy.program import export_program, quiet
from archspec.deploy.script import export_script
from archspec.deploy.sizes import examples
from archspec.deploy.smaller import Quantised, difference, quantise
from archspec.deploy.verify import Verified, verify
from archspec.model.weights import save
from archspec.pipeline import Report


class Options(NamedTuple):
    """`fixed`: symbols that are numbers in what is exported. `opset`: of ONNX; None: PyTorch's own choice. `source`: of
    the module, where that is not the spec's own. `quantize`: weights of ONNX as int8."""

    fixed: Mapping[str, int]
    opset: int | None = None
    source: Source | None = None
    quantize: bool = False


def _weights(report: Report, module: nn.Module, path: Path, options: Options) -> Verified | None:
    save(module, path, {"archspec": archspec.__version__, "model": report.name})
    return None


def _source(report: Report, module: nn.Module, path: Path, options: Options) -> Verified | None:
    path.write_text((options.source or pipeline.emitted(report)).text, encoding="utf-8", newline="\n")
    return None


def _program(report: Report, module: nn.Module, path: Path, options: Options) -> Verified | None:
    tried = examples(report, options.fixed)
    program = export_program(report, module, tried[0], options.fixed)
    with quiet():
        torch.export.save(program, path)
        read = torch.export.load(path).module()
    return verify(report, module, _torch(read, report), tried)


def _onnx(report: Report, module: nn.Module, path: Path, options: Options) -> Verified | None:
    onnx.check_installed()
    tried = examples(report, options.fixed)
    program = export_program(report, module, tried[0], options.fixed)
    onnx.export_onnx(report, program, path, options.opset)
    try:
        run = onnx.runner(path, list(report.outputs))
    except Exception as error:
        words = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise RefusedError(f"onnxruntime does not take what was exported: {words}") from None
    verified = verify(report, module, run, tried)
    if not options.quantize:
        return verified
    before, after = quantise(path)
    given = inputs(report, tried[0])
    names = list(report.outputs)
    found = onnx.runner(path, names)(given)
    return verified._replace(quantised=Quantised(before, after, difference(found, outputs(module, given, names))))


def _script(report: Report, module: nn.Module, path: Path, options: Options) -> Verified | None:
    tried = examples(report, options.fixed)
    traced = export_script(report, module, tried[0])
    with quiet():
        traced.save(str(path))
        read = torch.jit.load(str(path))
    return verify(report, module, _torch(read, report), tried)


def _torch(read: nn.Module, report: Report) -> Callable[[tuple[Tensor, ...]], dict[str, Tensor]]:
    return lambda given: outputs(read, given, list(report.outputs))


Writer = Callable[[Report, nn.Module, Path, Options], "Verified | None"]
_WRITERS: dict[str, Writer] = {
    "weights": _weights,
    "source": _source,
    "program": _program,
    "onnx": _onnx,
    "torchscript": _script,
}


TRACED = ("program", "onnx", "torchscript")


def _attempt(write: Writer, stage: Path, options: Options) -> Attempt:
    def attempt(report: Report, module: nn.Module, fixed: Mapping[str, int]) -> None:
        write(report, module, stage, options._replace(fixed=fixed, source=None, quantize=False))

    return attempt


def export(report: Report, module: nn.Module, path: Path, form: Form, options: Options) -> Verified | None:
    """Write a model (in eval mode) to a file; what it is verified by, where it can be run.

    The file is there as a whole or not at all. Raises ExportError where the model cannot be exported so, or what was
    exported is not the model, and OSError. Where PyTorch or onnxruntime refuses an op, the error tells its place.
    """
    with placed(path) as stage:
        write = _WRITERS[form.name]
        try:
            return write(report, module, stage, options)
        except RefusedError as refused:
            attempts = {FORMS[name].suffixes[0]: _attempt(_WRITERS[name], stage, options) for name in TRACED}
            raise blamed(refused, report, options.fixed, form.suffixes[0], attempts) from None
