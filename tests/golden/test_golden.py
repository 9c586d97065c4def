"""Specs against published networks: the same names, numbers, gradients and FLOPs as the reference implementations."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import quick_noise
import torch
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

import archspec
import golden
import spec_files
from archspec import pipeline
from archspec.dims import Dim
from archspec.model.build import build

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DATA = {path.stem: path for path in sorted((HERE / "data").glob("*.json"))}
SPECS = {path.stem: path for path in spec_files.SPECS}
BOTH = sorted(SPECS.keys() & DATA.keys())
# Held against their references at every change; the others in the slow tests.
CORE = {name for name in DATA if name.startswith("tutorial_")}
CORE |= {"resnet18", "resnet50", "vit_b_16", "unet", "gpt2", "lstm_classifier"}


def load(name: str) -> dict[str, Any]:
    return json.loads(DATA[name].read_text(encoding="utf-8"))


def test_the_core_has_specs() -> None:
    assert set(BOTH) >= CORE


def test_the_noise_does_not_depend_on_the_pieces_it_is_made_in() -> None:
    n = (1 << 22) + 5  # as given, a piece is 1 << 22
    assert torch.equal(golden.noise("fc.weight", n), quick_noise.given("fc.weight", n))


@pytest.mark.parametrize("name", SPECS)
def test_spec_is_clean(name: str) -> None:
    report = archspec.check(SPECS[name])
    assert report.ok, [d.message for d in report.diagnostics]
    assert not report.diagnostics, "no warnings either"
    assert report.name == name


@pytest.mark.parametrize("name", [n if n in CORE else pytest.param(n, marks=pytest.mark.slow) for n in BOTH])
def test_same_network(name: str) -> None:
    reference = load(name)
    # of the largest networks the references hold names, shapes and counts alone: they are not given memory
    with torch.device("meta" if reference.get("shapes_only") else "cpu"):
        module = archspec.compile(SPECS[name])
    report = golden.compare(module, reference)
    assert report.ok, "\n".join(report.errors)


@pytest.mark.parametrize("name", BOTH)
def test_counted_cost(name: str) -> None:
    """Parameters and FLOPs as counted from the spec alone, at the golden's input sizes."""
    reference, report = load(name), archspec.check(SPECS[name])
    sizes: dict[str, int] = {}
    for type_, given in zip(report.inputs.values(), reference["inputs"].values(), strict=True):
        shape = given["shape"]
        assert len(shape) == type_.rank
        for size, actual in zip(type_.shape, shape, strict=True):
            if isinstance(size, Dim):
                assert sizes.setdefault(str(size), actual) == actual
            else:
                assert size == actual
    assert report.parameters == reference["parameters"]["total"]
    flops = report.flops.evaluate(sizes) if isinstance(report.flops, Dim) else report.flops
    assert flops == reference["flops"]


# Other networks of the same papers: a spec's parameters, and the reference it then is.
VARIANTS = {
    "resnet34": ("resnet18", {"depths": [3, 4, 6, 3]}),
    "resnet101": ("resnet50", {"depths": [3, 4, 23, 3]}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_parameters_make_another_network(name: str) -> None:
    spec, params = VARIANTS[name]
    report = golden.compare(archspec.compile(SPECS[spec], params=params), load(name), dtypes=("float64",))
    assert report.ok, "\n".join(report.errors)


@cache
def validator(schema: Path) -> Draft7Validator:
    return Draft7Validator(json.loads(schema.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", SPECS)
def test_spec_fits_the_json_schema(name: str) -> None:
    """As an editor sees it: read by another YAML 1.2 reader, held against the schema its first line names."""
    text = SPECS[name].read_text(encoding="utf-8")
    reference = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", text.splitlines()[0])
    assert reference is not None
    schema = (SPECS[name].parent / reference[1]).resolve()
    found = validator(schema).iter_errors(YAML(typ="safe").load(text))
    assert [error.message for error in found] == []


# Slips of a pen that keep a network plausible: (spec, [(text, what replaces it)]).
MUTATIONS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "bias dropped": (
        "tutorial_mlp",
        [("{name: fc2, linear: $classes}", "{name: fc2, linear: {out_features: $classes, bias: false}}")],
    ),
    "epsilon of a batch norm": ("tutorial_base_block", [("batch_norm2d: {}", "batch_norm2d: {eps: 1e-6}")]),
    "stride on the other convolution": (
        "resnet18",
        [
            (
                "conv1, conv2d: {out_channels: $channels, kernel_size: 3, stride: $stride,",
                "conv1, conv2d: {out_channels: $channels, kernel_size: 3,",
            ),
            (
                "conv2, conv2d: {out_channels: $channels, kernel_size: 3,",
                "conv2, conv2d: {out_channels: $channels, kernel_size: 3, stride: $stride,",
            ),
        ],
    ),
    "padding of the stem": (
        "resnet18",
        [("replace:\n", "replace:\n  conv1: {conv2d: {out_channels: 64, kernel_size: 7, stride: 2, bias: false}}\n")],
    ),
    "activation left out": (
        "tutorial_residual_block",
        [("      - {name: bn1, batch_norm2d: {}}\n      - relu\n", "      - {name: bn1, batch_norm2d: {}}\n")],
    ),
    "activation replaced": ("tutorial_mlp", [("- relu", "- leaky_relu: 0.01")]),
    "more heads": ("tutorial_self_attention", [("num_heads: 1", "num_heads: 2")]),
    "attention made causal": ("tutorial_self_attention", [("{num_heads: 1}", "{num_heads: 1, causal: true}")]),
    "query and key swapped": ("tutorial_self_attention", [("[query, key, value]", "[key, query, value]")]),
    "directions swapped": ("lstm_classifier", [("  - rearrange: direction", "  - flip: 0\n  - rearrange: direction")]),
    "first time step": ("tutorial_sequence_model", [("index: -1", "index: 0")]),
    "batch and time confused": ("tutorial_sequence_model", [(", batch_first: true", "")]),
    "skip behind the upsampled": ("unet", [("[encoder.3, up.0]", "[up.0, encoder.3]")]),
    "average pool": ("tutorial_simple_cnn", [("max_pool2d", "avg_pool2d")]),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_mutation_is_detected(mutation: str) -> None:
    name, edits = MUTATIONS[mutation]
    text = SPECS[name].read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    mutated = pipeline.Spec(text, SPECS[name].name, SPECS[name].parent)
    report = golden.compare(build(mutated), load(name), dtypes=("float64",))
    assert not report.ok
