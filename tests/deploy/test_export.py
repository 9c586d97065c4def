"""Exported models are run by their own engines, at sizes that neither tracing nor verification saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from export_cases import LANGUAGE, SCAN, UNET, exported, trained

from archspec.deploy import export as module
from archspec.deploy.errors import ExportError
from archspec.deploy.export import Options, export
from archspec.deploy.forms import FORMS, form_of
from archspec.deploy.verify import verify
from archspec.runtime.trained import Trained

IMAGE = torch.randn(5, 1, 10, 34)
TOKENS = torch.randint(0, 50, (1, 33))


def eager(net: Trained, given: torch.Tensor) -> Any:
    with torch.inference_mode():
        return net.module(given)


def same(found: Any, wanted: Any) -> None:
    for name, tensor in wanted.items() if isinstance(wanted, dict) else [("", wanted)]:
        torch.testing.assert_close(found[name] if name else found, tensor, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("text", "given"), [(UNET, IMAGE), (LANGUAGE, TOKENS)], ids=["unet", "language"])
def test_torch_export(tmp_path: Path, text: str, given: torch.Tensor) -> None:
    target, net, verified = exported(tmp_path, text, "program")
    assert verified is not None and len(verified.shapes) == 2 and verified.difference < 1e-6
    program = torch.export.load(target)
    with torch.inference_mode():
        same(program.module()(given), eager(net, given))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.yaml", "out.pt2"]


def test_the_requirements_and_promises_are_in_the_program(tmp_path: Path) -> None:
    target, _, _ = exported(tmp_path, UNET, "program")
    with pytest.raises(Exception, match=r"(?i)size|shape|guard"):
        torch.export.load(target).module()(torch.randn(2, 1, 11, 12))
    (tmp_path / "l").mkdir()
    target, _, _ = exported(tmp_path / "l", LANGUAGE, "program")
    with pytest.raises(Exception, match=r"(?i)size|shape|guard"):
        torch.export.load(target).module()(torch.zeros(2, 65, dtype=torch.int64))


@pytest.mark.parametrize(("text", "given"), [(UNET, IMAGE), (LANGUAGE, TOKENS)], ids=["unet", "language"])
def test_torchscript(tmp_path: Path, text: str, given: torch.Tensor) -> None:
    target, net, verified = exported(tmp_path, text, "torchscript")
    assert verified is not None and len(verified.shapes) == 2
    with torch.inference_mode():
        same(torch.jit.load(target)(given), eager(net, given))


def test_onnx(tmp_path: Path) -> None:
    import onnxruntime

    target, net, verified = exported(tmp_path, UNET, "onnx")
    assert verified is not None and len(verified.shapes) == 2
    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("image", ["B", 1, "H", "W"])]
    assert [o.name for o in session.get_outputs()] == ["mask", "label"]
    found = dict(zip(["mask", "label"], session.run(None, {"image": IMAGE.numpy()}), strict=True))
    same({name: torch.from_numpy(value) for name, value in found.items()}, eager(net, IMAGE))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.yaml", "out.onnx"]


@pytest.mark.slow
def test_onnx_of_a_language_model(tmp_path: Path) -> None:
    import onnxruntime

    target, net, _ = exported(tmp_path, LANGUAGE, "onnx")
    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("tokens", ["B", "T"])]
    (found,) = session.run(None, {"tokens": TOKENS.numpy()})
    same(torch.from_numpy(found), eager(net, TOKENS))


def test_weights_and_source(tmp_path: Path) -> None:
    target, net, verified = exported(tmp_path, UNET, "weights")
    assert verified is None
    read = safetensors.torch.load_file(target)
    assert all(torch.equal(read[name], tensor) for name, tensor in net.module.state_dict().items())
    target, _, _ = exported(tmp_path, UNET, "source")
    space: dict[str, Any] = {"__name__": "exported"}
    exec(compile(target.read_text(), str(target), "exec"), space)
    mine = space["TinyUnet"]().eval()
    mine.load_state_dict(read)
    same(mine(IMAGE), eager(net, IMAGE))


def test_a_size_that_no_tracer_keeps_free_is_an_error_until_it_is_fixed(tmp_path: Path) -> None:
    for form in ("program", "torchscript"):
        with pytest.raises(ExportError) as caught:
            exported(tmp_path, SCAN, form)
        assert "T" in str(caught.value) or "T" in (caught.value.help or "")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["net.yaml"], "nothing is written"
        target, net, _ = exported(tmp_path, SCAN, form, T=6)
        given = torch.randn(3, 6, 4)
        read = torch.export.load(target).module() if form == "program" else torch.jit.load(target)
        with torch.inference_mode():
            same(read(given), eager(net, given))
        target.unlink()


def test_what_differs_from_the_model_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = trained(tmp_path, UNET)

    def off(report: Any, given: torch.nn.Module, run: Any, tried: Any) -> Any:
        return verify(report, given, lambda x: {k: v + 1e-2 for k, v in run(x).items()}, tried)

    monkeypatch.setattr(module, "verify", off)
    target = tmp_path / "out.pt2"
    target.write_bytes(b"before")
    with pytest.raises(ExportError, match="differs from the model in output `mask`"):
        export(net.report, net.module, target, FORMS["program"], Options({}))
    assert target.read_bytes() == b"before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.yaml", "out.pt2"]


def test_the_form_by_the_name_of_the_file() -> None:
    for form in FORMS.values():
        assert all(form_of(Path(f"x{suffix}"), None) is form for suffix in form.suffixes)
    assert form_of(Path("x.pt"), "torchscript").name == "torchscript"
    with pytest.raises(ExportError, match="cannot be told"):
        form_of(Path("x.pt"), None)
