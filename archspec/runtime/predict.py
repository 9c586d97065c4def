"""Predictions of a finished run, read as its losses say: classes, probabilities, sequences, values, the next token."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from archspec.data import load_input, open_data
from archspec.data.forecast import Origin
from archspec.data.text import Codec, codec
from archspec.ops.tensor import TensorType
from archspec.pipeline import Report
from archspec.recipe.files import DataError
from archspec.recipe.losses import Ctc
from archspec.recipe.model import DataFacts, LossTerm, Recipe
from archspec.recipe.text_kind import Text
from archspec.runtime.ctc import best_path
from archspec.runtime.evaluate import filled, first
from archspec.runtime.outputs import Outputs, pick
from archspec.runtime.precision import restored_matmul
from archspec.runtime.run_folder import RunError
from archspec.runtime.trained import load_trained
from archspec.runtime.wrap import Prepared, pick_device, prepare

MOST_VALUES = 1000  # of one output of one sample that are handed on


class Run(NamedTuple):
    """A run folder, ready to predict. `codec`: between text and tokens, where the data are text."""

    prepared: Prepared
    recipe: Recipe
    facts: DataFacts
    inputs: dict[str, TensorType]  # as the spec declares them: symbols where the size is free
    report: Report
    codec: Codec | None = None


def load_run(
    folder: str | Path,
    device: str = "cpu",
    given: Sequence[str] = (),
    checkpoint: str | None = None,
    params: dict[str, Any] | None = None,
) -> Run:
    """A run folder, or a spec with weights (see trained.py), ready to predict. `given`: other weights of this model.

    `checkpoint`: "best", "last", or the step of one of the run's checkpoints. `params` are for a spec.

    Raises what load_trained does, RunError for a spec without `train:` or weights, and DeviceError.
    """
    trained = load_trained(Path(folder), given, params, checkpoint)
    report, facts = trained.report, trained.facts
    recipe = report.recipe
    if recipe is None:
        raise RunError(f"{report.spec.file} has no `train:` section, which says how an input is read")
    if not trained.weights:
        raise RunError(f"{report.spec.file} names no weights: give them with --weights")
    if facts is None:
        # The mean and deviation of standardised columns are the training data's: they must be read.
        facts = open_data(recipe).facts if getattr(recipe.data.kind, "standardize", False) else recipe.data.facts
    kind = recipe.data.kind
    try:
        coder = codec(kind, facts, recipe.data.base) if isinstance(kind, Text) else None
    except DataError as error:
        raise RunError(f"{error}" + (f" ({error.help})" if error.help else "")) from None
    runtime = recipe.runtime.forward_only()
    prepared = prepare(trained.module, pick_device(device), runtime, chosen=recipe.chosen)
    return Run(prepared, recipe, facts, report.inputs, report, coder)


def predict(run: Run, source: str, *, top: int = 5, length: int = 1) -> list[dict[str, Any]]:
    """One entry a sample of `source` (see `archspec.data.load_input`): {output: what is predicted}, as JSON data.

    Of a class: {"class", "probability", "top": [{"class", "probability"}, …]}. Of the next token the same, with the
    greedy continuation of `length` tokens as "text". Of a class at each place: {"shares": {class: share}}. Of yes or
    no: {"probabilities"}. Of a sequence (`ctc`): {"sequence": [class, …], "probability"}. Else {"values"} (forecasts in
    the units of their columns). `shape` says how probabilities, shares and values are nested. Where the data have many
    series, each has the "id" of its own.

    Raises SpecError (AS504) and RunError for an input that cannot be read or is not what the model reads.
    """
    inputs = load_input(run.recipe, source, run.facts)
    tensors = [inputs[name] for name in run.recipe.inputs]
    for (name, type_), tensor in zip(run.inputs.items(), tensors, strict=True):
        if any(
            isinstance(size, int) and size != got for size, got in zip(type_.shape[1:], tensor.shape[1:], strict=True)
        ):
            raise RunError(f"the model reads `{name}` {type_}, and {source} gives {list(tensor.shape)}")
    terms = {term.input: term for term in run.recipe.losses}
    origins: Sequence[Origin | None] = inputs.origins or [None] * len(tensors[0])
    samples: list[dict[str, Any]] = []
    for start in range(0, len(tensors[0]), run.recipe.batch_size):
        batch = [tensor[start : start + run.recipe.batch_size] for tensor in tensors]
        outputs = forward(run, batch)
        for row in range(len(batch[0])):
            sample = {}
            for name, term in terms.items():
                sample[name] = _read(pick(outputs, name)[row], term, run, top, origins[start + row])
                if "top" in sample[name] and _is_text(run, term):
                    sample[name]["text"] = _continue(run, [tensor[row : row + 1] for tensor in batch], term, length)
            samples.append(sample)
    return samples


@torch.inference_mode()
def forward(run: Run, batch: list[Tensor]) -> Outputs:
    """The outputs on the CPU in float32, of as many samples as there are inputs."""
    module, device, precision = run.prepared.bare, run.prepared.device, run.prepared.precision
    with restored_matmul(), precision:
        outputs = module(*(filled(tensor, run.recipe.batch).to(device) for tensor in batch))
    outputs = first(outputs, len(batch[0]))
    if isinstance(outputs, Tensor):
        return outputs.float().cpu()
    return {name: tensor.float().cpu() for name, tensor in outputs.items()}


def _is_text(run: Run, term: LossTerm) -> bool:
    return run.codec is not None and term.class_dim is not None


def _read(values: Tensor, term: LossTerm, run: Run, top: int, origin: Origin | None) -> dict[str, Any]:
    """One output of one sample (without the batch axis)."""
    found = _predicted(values, term, run, top, origin)
    return found if origin is None or origin.id is None else {"id": origin.id, **found}


def _predicted(values: Tensor, term: LossTerm, run: Run, top: int, origin: Origin | None) -> dict[str, Any]:
    if term.class_dim is not None:
        probabilities = values.movedim(0 if term.class_dim == 1 else -1, -1)
        # softmax leaves log-probabilities (of an `nll` loss) what they are
        probabilities = probabilities.softmax(-1)
        if probabilities.ndim > 1 and not _is_text(run, term):
            return _shares(probabilities, term, run)
        return _classes(probabilities[-1] if probabilities.ndim > 1 else probabilities, term, run, top)
    if isinstance(term.loss, Ctc):
        sequence, probability = best_path(values, term.loss.blank)
        return {"sequence": [class_name(k, term, run) for k in sequence], "probability": probability}
    kind = "values" if term.threshold is None else "probabilities"
    values = values.sigmoid() if term.threshold == 0.0 else values
    if origin is not None and term.target == "target":
        values = origin.restore(values)
    flat = values.flatten()[:MOST_VALUES].tolist()
    return {kind: flat[0] if values.ndim == 0 else flat, "shape": list(values.shape)}


def class_name(number: int, term: LossTerm, run: Run) -> str:
    """What the data call a class: the label's name, a token's text, or else its number."""
    classes = run.facts.names(term.target)
    if classes is not None and number < len(classes):
        return classes[number]
    return run.codec.name(number) if run.codec is not None and number < run.codec.size else str(number)


def _classes(probabilities: Tensor, term: LossTerm, run: Run, top: int) -> dict[str, Any]:
    best = probabilities.topk(min(top, len(probabilities)))
    listed = [
        {"class": class_name(k, term, run), "probability": p}
        for k, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]
    return {**listed[0], "top": listed}


def _shares(probabilities: Tensor, term: LossTerm, run: Run) -> dict[str, Any]:
    predicted = probabilities.argmax(-1).flatten()
    counts = torch.bincount(predicted, minlength=probabilities.shape[-1])
    shares = {class_name(k, term, run): n / len(predicted) for k, n in enumerate(counts.tolist()) if n}
    return {"shares": shares, "shape": list(probabilities.shape[:-1])}


def _continue(run: Run, batch: list[Tensor], term: LossTerm, length: int) -> str:
    """The most likely next tokens, one after the other, as text."""
    (tokens,) = batch
    context = run.recipe.inputs[next(iter(run.recipe.inputs))].shape[-1]
    out: list[int] = []
    for _ in range(length):
        values = pick(forward(run, [tokens]), term.input)[0]
        values = values.movedim(0 if term.class_dim == 1 else -1, -1)
        token = int(values[-1].argmax())
        out.append(token)
        tokens = torch.cat([tokens, torch.tensor([[token]])], 1)
        if isinstance(context, int):
            tokens = tokens[:, -context:]
    assert run.codec is not None
    return run.codec.decode(out)
