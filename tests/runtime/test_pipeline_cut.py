"""The stages of a pipeline one after another in one process: together they are the whole model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archspec import pipeline
from archspec.model.build import from_source
from archspec.partition.stages import Stage, pipeline_stages
from archspec.runtime.parallel.pipeline.cut import Cut, cut

SPECS = Path(__file__).parents[2] / "specs"


def stages_of(path: Path, count: int, sizes: dict[str, int]) -> tuple[nn.Module, list[tuple[nn.Module, Cut]]]:
    report = pipeline.check(path, architecture_only=True)
    module = from_source(pipeline.emitted(report)).eval()
    assert report.typed is not None
    found = pipeline_stages(report.typed, count, sizes)
    assert isinstance(found, tuple) and all(isinstance(stage, Stage) for stage in found)
    begins = [stage.begins for stage in found]
    copies = [deepcopy(module) for _ in begins]
    return module, [(each, cut(each, begins, number, nullcontext())) for number, each in enumerate(copies)]


def through(stages: list[tuple[nn.Module, Cut]], inputs: dict[str, Tensor]) -> Any:
    given: tuple[Tensor, ...] = tuple(inputs.values())
    for number, (module, known) in enumerate(stages):
        named = dict(zip(known.given, inputs.values(), strict=True))
        given = module(*given, **({name: named[name] for name in known.inputs} if number else {}))
        assert all(isinstance(value, Tensor) for value in given)
    names = stages[-1][1].outputs
    return given[0] if names is None else dict(zip(names, given, strict=True))


def tokens(low: int = 1, high: int = 60) -> Tensor:
    return torch.randint(low, high, (2, 12))


CASES: list[Any] = [
    ("language/llama_tiny.yaml", 3, {"input_ids": tokens}),
    ("language/gemma2_tiny.yaml", 4, {"input_ids": tokens}),  # tied, with masks
    ("language/deepseek_v3_tiny.yaml", 2, {"input_ids": tokens}),  # routed experts inside blocks
    ("language/transformer_encoder.yaml", 2, {}),
    # What the encoder gives is read by every layer of the decoder.
    pytest.param("speech/whisper_tiny.yaml", 3, {}, marks=pytest.mark.slow),
    ("vision/unet.yaml", 4, {}),  # skips over several stages
]


@pytest.mark.parametrize(("path", "count", "made"), CASES)
def test_the_stages_are_the_model(path: str, count: int, made: dict[str, Any]) -> None:
    torch.manual_seed(0)
    report = pipeline.check(SPECS / path, architecture_only=True)
    sizes = {"B": 2, "T": 12, "S": 12, "H": 32, "W": 32}
    inputs = {name: made[name]() if name in made else value for name, value in _inputs(report, sizes)}
    module, stages = stages_of(SPECS / path, count, sizes)
    with torch.no_grad():
        expected, ours = module(*inputs.values()), through(stages, inputs)
    names = None if isinstance(expected, Tensor) else tuple(expected)
    assert all(known.outputs == names for _, known in stages)
    if isinstance(expected, Tensor):
        expected, ours = {"": expected}, {"": ours}
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(ours[name], value), name


def _inputs(report: Any, sizes: dict[str, int]) -> Iterator[tuple[str, Tensor]]:
    for name, type_ in report.inputs.items():
        shape = [size if isinstance(size, int) else size.evaluate(sizes) for size in type_.shape]
        dtype = getattr(torch, type_.dtype)
        yield name, torch.randn(shape) if dtype.is_floating_point else torch.randint(1, 8, shape, dtype=dtype)


def test_a_stage_has_its_own_tensors_only_and_all_are_somewhere() -> None:
    module, stages = stages_of(SPECS / "language" / "llama_tiny.yaml", 3, {"T": 12})
    names = set(module.state_dict())
    parts = [set(each.state_dict()) for each, _ in stages]
    assert set().union(*parts) == names and all(part < names for part in parts)
    for _, known in stages:
        assert known.state.keys() == names
        for name, entry in known.state.items():
            assert entry.stages == tuple(number for number, part in enumerate(parts) if name in part) or (
                entry.first != name or len(entry.stages) > 1
            )
    assert sum(len(part) for part in parts) >= len(names)


def test_a_model_that_does_not_call_what_a_stage_begins_with() -> None:
    with pytest.raises(RuntimeError, match="does not call `3`"):
        cut(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), ["", "3"], 0, nullcontext())
