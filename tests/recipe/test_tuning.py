"""`freeze`, groups and layer-wise rates, resolved to the names of the model without torch."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec import pipeline
from archspec.parameters.depth import layers
from archspec.recipe.model import Tuning

SPECS = Path(__file__).parents[2] / "specs"
NET = """
archspec: 1
name: net
params: {lr: 1e-3}
inputs: {image: "float32[B, 1, 8, 8]"}
blocks:
  Layer:
    layers:
      - {name: conv, conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}
      - {name: norm, batch_norm2d: {}}
      - relu
layers:
  - {name: stem, conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}
  - {name: body, repeat: 3, Layer: {}}
  - flatten
  - {name: head, linear: 10}
outputs: {logits: head}
"""


def spec(optimizer: Any, freeze: Any = None, net: str = NET) -> str:
    train = {
        "data": "digits",
        "loss": "cross_entropy",
        "optimizer": optimizer,
        "epochs": 1,
        "batch_size": 64,
        **({} if freeze is None else {"freeze": freeze}),
    }
    return f"{net}\ntrain: {json.dumps(train)}\n"


def tuning(optimizer: Any, freeze: Any = None, net: str = NET) -> Tuning:
    report = pipeline.check(spec(optimizer, freeze, net)).raise_for_errors()
    assert report.recipe is not None
    return report.recipe.tuning


def by_name(found: Tuning) -> dict[str, dict[str, Any]]:
    return {name: group.options for group in found.groups for name in group.names}


def test_a_plain_optimizer_has_no_groups() -> None:
    assert tuning({"adamw": {"lr": 1e-3}}) == Tuning()


def test_rules_are_laid_over_one_another() -> None:
    optimizer = {
        "adamw": {"lr": "$lr", "weight_decay": 0.1},
        "bias_weight_decay": 0,
        "norm_weight_decay": 0.5,
        "groups": [
            {"match": ["body", "!body.2"], "lr": "$(lr / 2)"},
            {"match": "*.1.*", "lr": 3e-4, "betas": [0.8, 0.9]},
        ],
    }
    found = by_name(tuning(optimizer))
    assert found["stem.weight"] == {} and found["stem.bias"] == {"weight_decay": 0.0}
    assert found["body.0.conv.weight"] == {"lr": 5e-4}
    assert found["body.0.conv.bias"] == {"weight_decay": 0.0, "lr": 5e-4}
    assert found["body.0.norm.bias"] == {"weight_decay": 0.5, "lr": 5e-4}
    assert found["body.1.conv.weight"] == {"lr": 3e-4, "betas": (0.8, 0.9)}
    assert found["body.2.norm.weight"] == {"weight_decay": 0.5}
    assert "body.0.norm.running_mean" not in found


def test_the_rate_of_each_layer() -> None:
    found = by_name(tuning({"adamw": {"lr": 1.0}, "layer_decay": 0.5, "groups": [{"match": "stem.bias", "lr": 8.0}]}))
    rates = {name: options.get("lr", 1.0) for name, options in found.items()}
    assert rates["head.weight"] == 1.0
    assert [rates[f"body.{k}.conv.weight"] for k in range(3)] == [0.125, 0.25, 0.5]
    assert (rates["stem.weight"], rates["stem.bias"]) == (0.0625, 0.5)


def test_groups_at_the_optimizers_own_rate_come_first() -> None:
    """So that the rate that is logged, the first group's, is the one that the spec names."""
    groups = tuning({"adamw": {"lr": 1.0}, "layer_decay": 0.5}).groups
    assert "lr" not in groups[0].options and all("lr" in group.options for group in groups[1:])


@pytest.mark.parametrize("name", ["vision/vit_b_16", "language/bert_base", "vision/resnet50"])
def test_layers_are_those_of_published_recipes(name: str) -> None:
    """BEiT's for a ViT: 0 for what embeds, i + 1 for block i, the last for the norm and the head; likewise ELECTRA's
    for BERT (the pooler is its head), and the stem, the blocks and the head of a ResNet."""
    report = archspec.check(SPECS / f"{name}.yaml")
    assert report.typed is not None
    number, count = layers(report.typed, report.table)
    blocks = {
        "vision/vit_b_16": r"encoder\.layers\.encoder_layer_(\d+)\.",
        "language/bert_base": r"encoder\.layer\.(\d+)\.",
        "vision/resnet50": r"layer(\d)\.(\d)\.",
    }[name]
    last = ("encoder.ln.", "heads.", "pooler.", "fc.")
    assert count == {"vision/resnet50": 18}.get(name, 14)
    for parameter, layer in number.items():
        block = re.match(blocks, parameter)
        if block is None:
            assert layer == (count - 1 if parameter.startswith(last) else 0), parameter
        elif name == "vision/resnet50":
            assert layer == 1 + sum((3, 4, 6, 3)[: int(block[1]) - 1]) + int(block[2])
        else:
            assert layer == 1 + int(block[1])


def test_frozen_parameters_and_statistics() -> None:
    found = tuning({"adamw": {}}, ["stem", "body.0"])
    assert found.frozen == {
        "stem.weight", "stem.bias", "body.0.conv.weight", "body.0.conv.bias", "body.0.norm.weight", "body.0.norm.bias",
        "body.0.norm.running_mean", "body.0.norm.running_var", "body.0.norm.num_batches_tracked",
    }  # fmt: skip
    whole = pipeline.check(spec({"adamw": {}})).parameters
    assert found.trained == whole - (8 * 9 + 8) - (8 * 8 * 9 + 8) - 16
    only_head = tuning({"adamw": {"lr": 1.0}, "groups": [{"match": "head", "lr": 2.0}]}, ["*", "!head"])
    assert by_name(only_head) == {"head.weight": {"lr": 2.0}, "head.bias": {"lr": 2.0}}
    assert tuning({"adamw": {}}, []) == Tuning()


def test_a_tied_parameter_is_one() -> None:
    net = """
archspec: 1
name: tied
inputs: {tokens: "int64[B, T]"}
layers:
  - {name: wte, embedding: {num_embeddings: 256, embedding_dim: 4}}
  - {name: head, linear: {out_features: 256, bias: false}, tie: {weight: wte.weight}}
  - {name: more, linear: 256}
outputs: {logits: more}
"""
    report = pipeline.check(net)
    assert report.table.names == {
        "wte.weight": ["wte.weight", "head.weight"], "more.weight": ["more.weight"], "more.bias": ["more.bias"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("optimizer", "freeze", "code", "words"),
    [
        ({"adamw": {}}, ["steem"], "AS701", "`steem`"),
        ({"adamw": {}}, ["!head"], "AS205", "begins with what is left out"),
        ({"adamw": {}}, "*", "AS205", "leaves no parameter"),
        ({"adamw": {}}, [3], "AS205", "patterns of names"),
        ({"adamw": {}}, ["["], "AS205", "does not close"),
        ({"adamw": {}, "groups": [{"match": "haed", "lr": 1}]}, None, "AS701", "`haed`"),
        ({"adamw": {}, "groups": [{"match": "head", "momentum": 1}]}, None, "AS203", "no argument `momentum`"),
        ({"adamw": {}, "groups": [{"match": "head", "lr": -1}]}, None, "AS205", "`lr`"),
        ({"adamw": {}, "groups": [{"match": "head"}]}, None, "AS205", "changes nothing"),
        ({"adamw": {}, "groups": [{"lr": 1}]}, None, "AS204", "needs `match`"),
        ({"adamw": {}, "groups": {"head": 1}}, None, "AS205", "takes a list"),
        ({"adamw": {}, "groups": ["head"]}, None, "AS205", "is a mapping"),
        ({"adamw": {}, "layer_decay": 0}, None, "AS205", "above 0"),
        ({"adamw": {}, "layer_decay": 1.5}, None, "AS205", "at most 1"),
        ({"rprop": {}, "norm_weight_decay": 0}, None, "AS203", "no `weight_decay`"),
        ({"sgd": {"momentum": 0.9}, "groups": [{"match": "head", "nesterov": True, "momentum": 0}]}, None, "AS205",
         "Nesterov"),
        ({"adamw": {}, "group": []}, None, "AS205", "exactly one optimizer"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_place(optimizer: Any, freeze: Any, code: str, words: str) -> None:
    text = spec(optimizer, freeze)
    found = [d for d in pipeline.check(text).diagnostics if d.is_error]
    assert [d.code for d in found] == [code], [d.message for d in found]
    assert words in found[0].message
    assert found[0].span.line == text.count("\n")


MUON: dict[str, Any] = {"lr": 0.02, "adamw": {"lr": 3e-4}}
MATRICES = """
archspec: 1
name: lm
inputs: {tokens: "int64[B, 8]"}
blocks:
  Mlp:
    layers: [{name: up, linear: 32}, relu, {name: down, linear: 16}]
layers:
  - {name: embed, embedding: {num_embeddings: 65, embedding_dim: 16}}
  - {name: mlp, Mlp: {}}
  - {name: norm, layer_norm: {}}
  - {name: head, linear: 65}
outputs: {logits: head}
"""


def matrices(muon: dict[str, Any], tmp_path: Path, **beside: Any) -> Any:
    text = tmp_path / "text.txt"
    text.write_text("".join(chr(65 + n % 65) for n in range(1000)), encoding="utf-8")
    train = {
        "data": {"text": {"path": str(text), "context": 8}},
        "loss": {"cross_entropy": {"class_dim": -1}},
        "optimizer": {"muon": muon, **beside},
        "epochs": 1,
        "batch_size": 4,
    }
    return pipeline.check(f"{MATRICES}\ntrain: {json.dumps(train)}\n")


def test_muon_takes_matrices_and_leaves_the_rest(tmp_path: Path) -> None:
    report = matrices(MUON, tmp_path).raise_for_errors()
    muon, adamw = report.recipe.tuning.groups
    assert (muon.adamw, muon.names) == (False, ("mlp.up.weight", "mlp.down.weight", "head.weight"))
    assert adamw.adamw and set(adamw.names) == {
        "embed.weight", "mlp.up.bias", "mlp.down.bias", "norm.weight", "norm.bias", "head.bias"
    }  # fmt: skip
    assert sum(group.elements for group in (muon, adamw)) == report.parameters
    report = matrices({**MUON, "exclude": "head"}, tmp_path).raise_for_errors()
    muon, adamw = report.recipe.tuning.groups
    assert "head.weight" in adamw.names and "head.weight" not in muon.names


def test_groups_of_muon(tmp_path: Path) -> None:
    rules = [{"match": "mlp", "lr": 0.1, "momentum": 0.9}]
    report = matrices(MUON, tmp_path, groups=rules, norm_weight_decay=0.0).raise_for_errors()
    found = {name: (group.adamw, group.options) for group in report.recipe.tuning.groups for name in group.names}
    assert found["mlp.up.weight"] == (False, {"lr": 0.1, "momentum": 0.9})
    assert found["mlp.up.bias"] == (True, {"lr": 0.1})  # AdamW has no momentum
    assert found["norm.weight"] == (True, {"weight_decay": 0.0})
    assert found["head.weight"] == (False, {})


@pytest.mark.parametrize(
    ("muon", "words"),
    [
        ({"exclude": "heed"}, "head"),
        ({"adamw": {"momentum": 1}}, "no argument `momentum`"),
        ({"adamw": {"betas": [1, 2]}}, "betas"),
        ({"adamw": 3}, "arguments of `adamw`"),
    ],
)
def test_what_muon_refuses(tmp_path: Path, muon: dict[str, Any], words: str) -> None:
    report = matrices(muon, tmp_path)
    assert not report.ok
    assert words in " ".join(f"{d.message} {d.help}" for d in report.diagnostics)


def test_lbfgs_takes_no_groups_and_one_process() -> None:
    for more, key in (({"groups": [{"match": "stem", "lr": 0.1}]}, "groups"), ({"layer_decay": 0.5}, "layer_decay")):
        report = pipeline.check(spec({"lbfgs": {}, **more}))
        assert [d.code for d in report.diagnostics if d.is_error] == ["AS203"], key
    for runtime in ("{parallel: ddp}", "{precision: fp16}"):
        report = pipeline.check(spec("lbfgs") + f"runtime: {runtime}\n")
        assert [d.code for d in report.diagnostics if d.is_error] == ["AS205"], runtime


def test_constant_weights_are_trained_by_no_group() -> None:
    net = NET.replace("{name: stem, ", "{name: stem, requires_grad: false, ").replace(
        "repeat: 3,", "repeat: 3, requires_grad: false,"
    )
    found = tuning({"adamw": {"lr": 1.0}, "groups": [{"match": "head.bias", "lr": 2.0}]}, None, net)
    assert by_name(found) == {"head.weight": {}, "head.bias": {"lr": 2.0}}
    assert tuning({"adamw": {}}, ["head.bias"], net).trained == 8 * 8 * 8 * 10
    assert pipeline.check(net).trainable == 8 * 8 * 8 * 10 + 10
