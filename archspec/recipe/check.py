"""Holds `train:` and `runtime:` against the architecture before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as MappingType
from pathlib import Path
from typing import Any

from archspec.diagnostics.model import Diagnostics, Span
from archspec.dims import Constraints, Facts, Requirement
from archspec.ops.tensor import TensorType
from archspec.reading.nodes import Node
from archspec.recipe.augment import read_augments
from archspec.recipe.bind import bind_inputs, check_requirements, check_vocabulary, choose_feeds
from archspec.recipe.files import DataError
from archspec.recipe.model import DataFacts, DataKind, DataSource, Recipe
from archspec.recipe.monitor import check_monitor
from archspec.recipe.parallel import check_parallel
from archspec.recipe.parts import Written
from archspec.recipe.schedules import Constant
from archspec.recipe.terms import Fitting
from archspec.recipe.together import check_fused, check_together
from archspec.recipe.train_section import TrainSection
from archspec.recipe.tuning import Model, read_tuning


def check_recipe(
    train: Node,
    runtime: Node | None,
    inputs: MappingType[str, TensorType],
    outputs: MappingType[str, TensorType],
    env: dict[str, Any],
    base_dir: Path,
    diagnostics: Diagnostics,
    *,
    requirements: Iterable[Requirement] = (),
    promises: Facts | None = None,
    embeddings: MappingType[str, int] | None = None,
    input_spans: MappingType[str, Span] | None = None,
    facts: DataFacts | None = None,
    model: Model | None = None,
) -> Recipe | None:
    """The recipe of a spec, or None with every root cause reported (AS2xx for its language, AS50x for what it says).

    `inputs`, `outputs`: the root graph's types. `env`: values of the spec's parameters. `base_dir`: what paths in the
    spec are relative to. `requirements`: what shape inference found the architecture to demand of its symbols;
    `promises`: the spec's `symbols`. `embeddings`: {input: rows of the embedding that reads it}, where that is plain.
    `facts`: the data's, where they are known from a finished run: no data file is then looked at. `model`: the model
    and its parameters by name, for what chooses among them.
    """
    before = _errors(diagnostics)
    section = TrainSection(env, diagnostics)
    settings = section.runtime(runtime)
    section.train(train)
    tuning = read_tuning(*section.tuning, section.optimizer, env, model, diagnostics)
    data = section.data
    if data is None or section.feeds is None:
        return None
    if facts is None:
        facts = _peek(data, base_dir, diagnostics)
        if facts is None:
            return None
    span = data.span
    feeds = choose_feeds(inputs, facts, data.part.targets, section.feeds, span, diagnostics)
    if feeds is None:
        return None
    where = {name: entry[2] for name, entry in section.feeds.items()}
    constraints = Constraints(promises)
    binding = bind_inputs(inputs, feeds, facts, constraints, where, span, input_spans or {}, diagnostics)
    check_vocabulary(embeddings or {}, feeds, facts, where, span, diagnostics)
    if binding is None:
        return None
    batch_size: int | None = section.values["batch_size"]
    check_requirements(requirements, binding, batch_size, span, diagnostics)
    if batch_size is not None and isinstance(binding.batch, int) and binding.batch != batch_size:
        message = f"the model's batch is {binding.batch}, and `batch_size` is {batch_size}"
        help = "make the first size of the inputs a symbol: `B`"
        diagnostics.error("AS502", section.spans["batch_size"], message, help=help)
    fit = Fitting(binding, facts, feeds, data.part, outputs, diagnostics)
    losses = tuple(term for written in section.losses if (term := fit.loss(written)) is not None)
    if not losses or len(losses) != len(section.losses):
        return None
    metrics = fit.metrics(section.metrics, losses)
    types = {name: binding.type(given) for name, given in outputs.items()}
    augment = read_augments(section.augment, data, facts, feeds, losses, types, env, diagnostics)
    if _errors(diagnostics) > before or settings is None or section.optimizer is None or batch_size is None:
        return None
    assert tuning is not None
    check_together(section.optimizer, settings, diagnostics)
    check_fused(section.optimizer, settings, runtime, diagnostics)
    for name, span, key in section.monitors(runtime):
        check_monitor(name, metrics, span, diagnostics, key)
    shared = check_parallel(settings, runtime, losses, tuning, binding, model, diagnostics)
    chosen: dict[str, tuple[str, ...]] = {}
    if settings.naming:
        from archspec.recipe.naming import chosen_modules

        chosen = chosen_modules(settings, runtime, model, diagnostics)
    if _errors(diagnostics) > before:
        return None
    path_span = data.at("path")
    return Recipe(
        data=DataSource(data.part, facts, base_dir, path_span),
        feeds=feeds,
        inputs={name: binding.type(given) for name, given in inputs.items()},
        losses=losses,
        metrics=metrics,
        optimizer=section.optimizer.part,
        schedule=section.schedule.part if section.schedule else Constant.parse({}),
        epochs=section.values["epochs"],
        batch_size=batch_size,
        seed=section.values["seed"],
        clip_grad_norm=section.values["clip_grad_norm"],
        clip_grad_value=section.values["clip_grad_value"],
        on_nonfinite=section.values["on_nonfinite"],
        runtime=settings,
        augment=augment,
        average=section.average.part if section.average else None,
        early_stopping=section.early_stopping.part if section.early_stopping else None,
        batch=binding.batch if isinstance(binding.batch, int) else None,
        tuning=tuning,
        split=shared.split,
        sequences=shared.sequences,
        stages=shared.stages,
        context=shared.context,
        idle=shared.idle,
        chosen=chosen,
    )


def _errors(diagnostics: Diagnostics) -> int:
    return sum(d.is_error for d in diagnostics)


def _peek(data: Written[DataKind], base_dir: Path, diagnostics: Diagnostics) -> DataFacts | None:
    try:
        return data.part.peek(base_dir)
    except DataError as error:
        diagnostics.error("AS504", data.at(error.argument), f"`{data.part.name}`: {error}", help=error.help)
        return None
