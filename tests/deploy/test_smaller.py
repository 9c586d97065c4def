"""Pruned and quantised models, held against arithmetic on the weights and run by their own engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from export_cases import LANGUAGE, UNET, trained
from torch import nn

from archspec.deploy.errors import ExportError
from archspec.deploy.export import Options, export
from archspec.deploy.forms import FORMS
from archspec.deploy.smaller import pruned, read_pruning

TIED = """
archspec: 1
name: tied
inputs: {tokens: "int64[B, T]"}
layers:
  - {name: wte, embedding: {num_embeddings: 40, embedding_dim: 8}}
  - {name: up, linear: 6}
  - {name: down, linear: 8}
  - {name: head, linear: {out_features: 40, bias: false}, tie: {weight: wte.weight}}
"""
NOTHING = """
archspec: 1
name: nothing
inputs: {x: "float32[B, 4]"}
layers: [layer_norm, relu]
"""


def layers(module: nn.Module) -> list[Any]:
    return [m for m in module.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))]


def test_the_smallest_of_all_become_zero(tmp_path: Path) -> None:
    net = trained(tmp_path, UNET)
    before = {name: tensor.clone() for name, tensor in net.module.state_dict().items()}
    whole = torch.cat([layer.weight.detach().flatten() for layer in layers(net.module)])
    told = pruned(net.report, net.module, 0.25, {})
    zeros = round(0.25 * whole.numel())
    assert (told.layers, told.weights, told.zeros) == (5, whole.numel(), zeros)
    assert told.difference > 0
    limit = whole.abs().sort().values[zeros - 1]
    after = net.module.state_dict()
    assert list(after) == list(before), "no mask is left behind"
    pruned_names = {f"{n}.weight" for n, m in net.module.named_modules() if m in layers(net.module)}
    for name, tensor in before.items():
        wanted = tensor.masked_fill(tensor.abs() <= limit, 0) if name in pruned_names else tensor
        assert torch.equal(after[name], wanted), name


def test_two_of_four(tmp_path: Path) -> None:
    net = trained(tmp_path, UNET)
    before = [layer.weight.detach().clone() for layer in layers(net.module)]
    told = pruned(net.report, net.module, (2, 4), {})
    fit = [i for i, weight in enumerate(before) if weight[0].numel() % 4 == 0]
    assert told.layers == len(fit) and told.zeros * 2 == told.weights
    for i, layer in enumerate(layers(net.module)):
        if i not in fit:
            assert torch.equal(layer.weight, before[i])
            continue
        groups, old = layer.weight.reshape(-1, 4), before[i].reshape(-1, 4)
        assert ((groups != 0).sum(1) == 2).all()
        assert torch.equal(groups.abs().sum(1), old.abs().sort(1).values[:, 2:].sum(1))


def test_what_an_embedding_has_too_stays(tmp_path: Path) -> None:
    net = trained(tmp_path, TIED)
    table = net.module.get_parameter("wte.weight").detach().clone()
    told = pruned(net.report, net.module, 0.5, {})
    assert told.layers == 2 and told.weights == 8 * 6 + 6 * 8
    assert torch.equal(net.module.get_parameter("wte.weight"), table)
    assert net.module.get_submodule("head").weight is net.module.get_submodule("wte").weight


@pytest.mark.slow
def test_int8(tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    net = trained(tmp_path, LANGUAGE)
    target = tmp_path / "out.onnx"
    verified = export(net.report, net.module, target, FORMS["onnx"], Options({}, quantize=True))
    assert verified is not None and verified.quantised is not None
    assert verified.quantised.after == target.stat().st_size
    graph = onnx.load(str(target)).graph
    assert {i.name for i in graph.initializer if i.data_type == onnx.TensorProto.INT8}
    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    tokens = torch.randint(0, 50, (1, 33))
    (found,) = session.run(None, {"tokens": tokens.numpy()})
    with torch.inference_mode():
        wanted = net.module(tokens)
    gap = float((torch.from_numpy(found) - wanted).abs().max() / wanted.abs().max())
    assert 0 < gap < 0.1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.yaml", "out.onnx"]


def test_nothing_to_make_smaller(tmp_path: Path) -> None:
    net = trained(tmp_path, NOTHING)
    with pytest.raises(ExportError, match="nothing to prune"):
        pruned(net.report, net.module, 0.5, {})
    with pytest.raises(ExportError, match="nothing to quantise"):
        export(net.report, net.module, tmp_path / "x.onnx", FORMS["onnx"], Options({}, quantize=True))
    assert [p.name for p in tmp_path.iterdir()] == ["net.yaml"]


def test_how_it_is_written() -> None:
    assert read_pruning("0.5") == 0.5
    assert read_pruning("2:4") == (2, 4)
    for text in ("0", "1", "1.5", "nan", "4:2", "2:", "half"):
        with pytest.raises(ExportError, match="--prune"):
            read_pruning(text)
