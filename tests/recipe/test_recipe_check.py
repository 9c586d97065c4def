"""`train:` and `runtime:` against an architecture: every error at its line."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from archspec.dims import Constraints, Facts, symbol
from archspec.recipe.model import DataFacts, Field
from tests.recipe.recipes import attempt, checked, train, typed

IMAGE = {"image": "float32[B, 1, 8, 8]"}
LOGITS = {"logits": "float32[B, 10]"}

GOOD = """\
train:
  data: {digits: {}}
  loss: {cross_entropy: {input: logits, target: label}}
  metrics: [accuracy]
  optimizer: {adamw: {lr: 1e-3, weight_decay: 0.01}}
  schedule: {cosine: {warmup: 0.05}}
  epochs: 20
  batch_size: 64
"""


def changed(line: int, text: str) -> str:
    lines = GOOD.splitlines()
    lines[line - 1] = text
    return "\n".join(lines) + "\n"


def test_the_recipe_of_the_language_page() -> None:
    recipe = checked(GOOD, IMAGE, LOGITS)
    assert recipe.feeds == {"image": "image"}
    assert recipe.inputs == {"image": typed("float32[B, 1, 8, 8]")}
    (loss,) = recipe.losses
    assert (loss.loss.name, loss.input, loss.target, loss.weight, loss.class_dim) == (
        "cross_entropy", "logits", "label", 1.0, 1,
    )  # fmt: skip
    assert loss.loss.counterpart == "torch.nn.CrossEntropyLoss"
    assert loss.loss.keywords == {"weight": None, "ignore_index": -100, "label_smoothing": 0.0}
    assert [m.label for m in recipe.metrics] == ["accuracy"]
    assert recipe.optimizer.keywords["weight_decay"] == 0.01
    assert recipe.schedule.name == "cosine"
    assert (recipe.epochs, recipe.batch_size, recipe.seed, recipe.clip_grad_norm, recipe.batch) == (
        20,
        64,
        0,
        None,
        None,
    )
    assert (recipe.runtime.precision.default, recipe.runtime.device) == ("float32", "auto")
    assert recipe.data.facts.samples == 1797


def test_the_shortest_form() -> None:
    text = "train: {data: digits, loss: cross_entropy, optimizer: sgd, epochs: 1, batch_size: 8}\nruntime:\n"
    recipe = checked(text, {"x": "float32[N, C, H, W]"}, {"output": "float32[N, 10]"})
    assert recipe.feeds == {"x": "image"}
    assert str(recipe.inputs["x"]) == "float32[N, 1, 8, 8]"
    assert (recipe.losses[0].input, recipe.losses[0].target) == ("output", "label")


def test_expressions_read_the_parameters() -> None:
    text = GOOD.replace("epochs: 20", "epochs: $(2 * rounds)").replace("1e-3", "$rate")
    recipe = checked(text, IMAGE, LOGITS, env={"rounds": 3, "rate": 0.5})
    assert recipe.epochs == 6
    assert recipe.optimizer.lr == 0.5


# line to replace, its text, then: code, column, words of the message, words of the help
CASES = [
    # the language
    (2, "  dta: {digits: {}}", "AS201", 3, "unknown key `dta`", "did you mean `data`?"),
    (2, "  data: {digit: {}}", "AS501", 10, "unknown kind of data `digit`", "did you mean `digits`?"),
    (2, "  data: {digits: {}, npz: {path: x}}", "AS205", 22, "exactly one kind of data", None),
    (2, "  data: {digits: {holdout: 1.5}}", "AS205", 28, "`holdout` of `digits`", None),
    (2, "  data: {digits: {hold: 0.1}}", "AS203", 19, "no argument `hold`", "did you mean `holdout`?"),
    (2, "  data: [digits]", "AS205", 9, "expected a kind of data", None),
    (2, "  data: {npz: {}}", "AS204", 10, "needs `path`", None),
    (3, "  loss: {crossentropy: {}}", "AS501", 10, "unknown loss", "did you mean `cross_entropy`?"),
    (3, "  loss: {mse: {weight: 2}}", "AS203", 16, "no argument `weight`", "beside it: `{mse: …, weight: …}`"),
    (3, "  loss: []", "AS205", 9, "at least one loss", None),
    (3, "  loss: {cross_entropy: {label_smoothing: 2}}", "AS205", 43, "from 0 to 1", None),
    (3, "  loss: {cross_entropy: {label_smoothing: $eps}}", "AS209", None, "eps", None),
    (3, "  loss: {cross_entropy: {class_dim: 0}}", "AS205", 37, "1 or -1", None),
    (4, "  metrics: [acuracy]", "AS501", 13, "unknown metric", "did you mean `accuracy`?"),
    (4, "  metrics: [accuracy, accuracy]", "AS207", 23, "there twice", None),
    (5, "  optimizer: sparse_adam", "AS501", 14, "unknown optimizer `sparse_adam`", "sparse gradients"),
    (5, "  optimizer: {adamw: {learning_rate: 1}}", "AS203", 23, "no argument", "did you mean `lr`?"),
    (5, "  optimizer: {adamw: {betas: [0.9, 1]}}", "AS205", 36, "below 1", None),
    (5, "  optimizer: {adamw: {lr: yes}}", "AS205", 27, "expected a non-negative number", None),
    (6, "  schedule: {cosin: {}}", "AS501", 14, "unknown schedule", "did you mean `cosine`?"),
    (6, "  schedule: {step: {gamma: 0.1}}", "AS204", 14, "needs `step_size`", None),
    (6, "  schedule: {multi_step: {milestones: [3, 2]}}", "AS205", 39, "must rise", None),
    (7, "  epochs: 0", "AS205", 11, "a positive integer", None),
    (7, "  seed: 1", "AS204", None, "`train` needs `epochs`", None),
    (6, "  lr: 0.1", "AS201", 3, "unknown key `lr`", "argument of the optimizer: `optimizer: {NAME: {lr: ...}}`"),
    (6, "  warmup: 5", "AS201", 3, "unknown key `warmup`", "an argument of the schedule"),
    (6, "  augment: [hflip]", "AS201", 3, "unknown key `augment`", "it goes into `data`"),
    (6, "  precision: bf16", "AS201", 3, "unknown key `precision`", "it goes into `runtime`, beside `train`"),
    (8, "  batch_size: 6.5", "AS205", 15, "a positive integer", None),
    # the architecture
    (3, "  loss: {cross_entropy: {input: logit}}", "AS503", 33, "no output `logit`", "did you mean `logits`?"),
    (3, "  loss: {cross_entropy: {target: labels}}", "AS503", 34, "no field `labels`", "did you mean `label`?"),
    (3, "  loss: {mse: {target: image}}", "AS503", 10, "must have one shape", None),
    (3, "  loss: {mse: {target: label}}", "AS503", 24, "must be floating point", None),
    (3, "  loss: {cross_entropy: {weight: [1, 2]}}", "AS503", 34, "2 numbers for 10 classes", None),
    (4, "  metrics: [{top_k_accuracy: {k: 11}}]", "AS503", 34, "`k` is 11", None),
    (4, "  metrics: [rmse]", "AS503", 13, "must be floating point", None),
    (4, "  inputs: {picture: image}", "AS502", 12, "no input `picture`", "its inputs are image"),
    (4, "  inputs: {image: img}", "AS502", 19, "no field `img`", "its fields are image, label"),
    (4, "  inputs: {image: label}", "AS502", 19, "dtypes differ", None),
]


@pytest.mark.parametrize(("line", "text", "code", "column", "message", "help"), CASES)
def test_an_error_is_at_its_place(
    line: int, text: str, code: str, column: int | None, message: str, help: str | None
) -> None:
    recipe, found = attempt(changed(line, text), IMAGE, LOGITS)
    assert recipe is None
    (only, *others) = [d for d in found if d.code == code]
    assert not others
    assert message in only.message
    if help is not None:
        assert only.help is not None
        assert help in only.help
    if column is not None:
        assert (only.span.line, only.span.col) == (line, column)


# inputs, outputs, line, words of the message
MISFITS = [
    ({"image": "float32[B, 3, 8, 8]"}, LOGITS, 2, "axis 1 must be 3, and is 1"),
    ({"image": "float32[B, 1, H, 9]"}, LOGITS, 2, "axis 3 must be 9, and is 8"),
    ({"image": "float32[B, 1, 2*H, 3*W]"}, LOGITS, 2, "axis 3 must be 3*W, and is 8"),
    ({"image": "float32[B, 64]"}, LOGITS, 2, "numbers of dimensions differ"),
    ({"image": "int64[B, 1, 8, 8]"}, LOGITS, 2, "dtypes differ"),
    ({"image": "float32[B, C, H, C]"}, LOGITS, 2, "`C` is 1 by `image` float32[B, 1, 8, 8], and 8 here"),
    ({"image": "float32[B, 1, 8, B]"}, LOGITS, 2, "has the batch's symbol"),
    ({"image": "float32[2*B, 1, 8, 8]"}, LOGITS, 2, "must be a symbol or a number"),
    ({"image": "float32[32, 1, 8, 8]"}, {"logits": "float32[32, 10]"}, 8, "the model's batch is 32"),
    ({"image": "float32[B, 1, 8, 8]", "mask": "float32[B, 8]"}, LOGITS, 2, "no data for the model's input `mask`"),
    ({"a": "float32[B, 1, 8, 8]", "b": "float32[B, 1, 8, 8]"}, LOGITS, 2, "no data for the model's input `a`"),
    (IMAGE, {"logits": "float32[B, 8]"}, 3, "the output has 8 classes, and the data have 10"),
    (IMAGE, {"logits": "float32[B]"}, 3, "must have a size for the classes"),
    (IMAGE, {"logits": "int64[B, 10]"}, 3, "must be floating point"),
    (IMAGE, {"logits": "float32[B, 4, 4, 10]"}, 3, "one dimension more than the target"),
    (IMAGE, {"logits": "float32[2*B, 10]"}, 3, "but for its classes, must be those of target"),
    (IMAGE, {"scores": "float32[B, 10]"}, 3, "no output `logits`"),
]


@pytest.mark.parametrize(("inputs", "outputs", "line", "message"), MISFITS)
def test_what_does_not_fit_is_said_at_its_line(
    inputs: dict[str, str], outputs: dict[str, str], line: int, message: str
) -> None:
    recipe, found = attempt(GOOD, inputs, outputs)
    assert recipe is None
    assert found[0].code in ("AS502", "AS503")
    assert found[0].span.line == line
    assert message in found[0].message


def test_more_classes_than_labels_are_a_warning() -> None:
    recipe, found = attempt(GOOD, IMAGE, {"logits": "float32[B, 1000]"})
    assert recipe is not None
    (warning,) = found
    assert not warning.is_error
    assert (warning.code, warning.span.line) == ("AS503", 3)
    assert "1000 classes, and the data only 10" in warning.message


def test_train_must_be_a_mapping() -> None:
    recipe, (found,) = attempt("train: digits\n", IMAGE, LOGITS)
    assert recipe is None
    assert (found.code, found.span.line, found.span.col) == ("AS205", 1, 8)


def test_all_errors_at_once() -> None:
    text = """\
    train:
      data: {digits: {holdout: 7}}
      loss: {crossentropy: {}}
      optimizer: {adam: {lr: -1}}
      schedule: {cosine: {final: x}}
      epochs: none
      batch: 3
    runtime: {precision: bf17, devices: 2}
    """
    _, found = attempt(text, IMAGE, LOGITS)
    assert [(d.span.line, d.code) for d in found] == [
        (2, "AS204"), (2, "AS205"), (3, "AS501"), (4, "AS205"), (5, "AS205"), (6, "AS205"), (7, "AS201"), (8, "AS201"),
    ]  # fmt: skip


def test_an_error_of_the_language_does_not_hide_one_of_the_architecture() -> None:
    text = """\
    train:
      data: digits
      loss: {cross_entropy: {input: logit}}
      optimizer: {adam: {lrr: 1}}
      epochs: 1
      batch_size: x
    """
    _, found = attempt(text, {"image": "float32[B, 1, 8, 8]"}, LOGITS)
    assert [(d.span.line, d.code) for d in found] == [(3, "AS503"), (4, "AS203"), (6, "AS205")]
    _, found = attempt(text, {"image": "float32[B, 3, 8, 8]"}, LOGITS)
    assert [(d.span.line, d.code) for d in found] == [(2, "AS502"), (4, "AS203"), (6, "AS205")]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", ("float32", "auto")),
        ("runtime: {precision: bf16}", ("bf16", "auto")),
        ("runtime: {precision: {default: fp16, float32: [Norm, head]}}", ("fp16", "auto")),
        ("runtime: {device: 'cuda:1'}", ("float32", "cuda:1")),
    ],
)
def test_runtime(text: str, want: tuple[str, str]) -> None:
    runtime = checked(GOOD + text, IMAGE, LOGITS).runtime
    assert (runtime.precision.default, runtime.device) == want
    assert runtime.precision.float32 == (("Norm", "head") if "Norm" in text else ())


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("runtime: {precision: fp8}", "AS205", "one of float32, tf32, bf16, fp16"),
        ("runtime: {precision: {bf16: true}}", "AS203", "`precision` has no argument `bf16`"),
        ("runtime: {checkpoint: {keep: 0}}", "AS205", "a positive integer"),
        ("runtime: {micro_batch_size: 0}", "AS205", "a positive integer"),
        ("runtime: {device: gpu}", "AS205", "expected auto, cpu"),
        ("runtime: {device: 'cuda:x'}", "AS205", "expected auto, cpu"),
        ("runtime: {device: 3}", "AS205", "expected a device: auto, cpu"),
        ("runtime: {compiled: true}", "AS201", "unknown key `compiled` in `runtime`"),
        ("runtime: [cpu]", "AS205", "must be a mapping"),
    ],
)
def test_runtime_errors(text: str, code: str, message: str) -> None:
    recipe, (found,) = attempt(GOOD + text, IMAGE, LOGITS)
    assert recipe is None
    assert (found.code, found.span.line) == (code, 9)
    assert message in found.message


def test_what_the_architecture_demands_must_hold_for_the_data() -> None:
    constraints = Constraints()
    assert constraints.divisible(symbol("H"), 16)
    inputs = {"image": "float32[B, 1, H, W]"}
    recipe, (found,) = attempt(GOOD, inputs, LOGITS, requirements=constraints.requirements)
    assert recipe is None
    assert (found.code, found.span.line) == ("AS502", 2)
    assert "H % 16 == 0" in found.message
    assert "H = 8" in found.message


def test_what_is_promised_of_a_symbol_must_hold_for_the_data() -> None:
    recipe, (found,) = attempt(GOOD, {"image": "float32[B, 1, H, W]"}, LOGITS, promises=Facts({"H": {"min": 32}}))
    assert recipe is None
    assert (found.code, found.span.line) == ("AS502", 2)
    assert "`H` cannot be 8" in found.message


def test_sizes_of_outputs_are_those_of_the_data() -> None:
    text = GOOD.replace("cross_entropy: {input: logits, target: label}", "mse: {input: y, target: image}").replace(
        "[accuracy]", "[rmse, mae, r2]"
    )
    inputs = {"image": "float32[B, 1, H, W]"}
    assert checked(text, inputs, {"y": "float32[B, 1, H, W]"}).losses[0].class_dim is None
    recipe, found = attempt(text, inputs, {"y": "float32[B, 1, H - 2, W - 2]"})
    assert recipe is None
    assert "differ in size 2: 6 and 8" in found[0].message


def test_a_batch_that_the_architecture_fixes() -> None:
    recipe = checked(GOOD, {"image": "float32[64, 1, 8, 8]"}, {"logits": "float32[64, 10]"})
    assert recipe.batch == 64


def test_batch_axes_of_several_inputs_are_one() -> None:
    text = changed(4, "  inputs: {a: image, b: image}")
    inputs = {"a": "float32[M, 1, 8, 8]", "b": "float32[N, 1, 8, 8]"}
    for output in ("float32[M, 10]", "float32[N, 10]"):
        recipe = checked(text, inputs, {"logits": output})
        assert {str(t.shape[0]) for t in recipe.inputs.values()} == {"M"}
    fixed = {**inputs, "b": "float32[64, 1, 8, 8]"}
    assert checked(text, fixed, {"logits": "float32[M, 10]"}).batch == 64


def test_several_losses_with_weights() -> None:
    text = """\
    train:
      data: digits
      loss:
        - {cross_entropy: {input: logits}, weight: 0.7}
        - {mse: {input: image2, target: image}}
      metrics: [accuracy, {accuracy: {input: extra}}, {mae: {input: image2}}]
      optimizer: sgd
      epochs: 1
      batch_size: 4
    """
    outputs = {"logits": "float32[B, 10]", "extra": "float32[B, 10]", "image2": "float32[B, 1, 8, 8]"}
    recipe, found = attempt(text, IMAGE, outputs)
    assert recipe is not None, found
    assert [(t.loss.name, t.weight) for t in recipe.losses] == [("cross_entropy", 0.7), ("mse", 1.0)]
    assert [(m.label, m.input, m.target) for m in recipe.metrics] == [
        ("accuracy", "logits", "label"), ("accuracy(extra, label)", "extra", "label"), ("mae", "image2", "image"),
    ]  # fmt: skip


def test_a_loss_of_several_outputs_must_say_which() -> None:
    text = changed(3, "  loss: cross_entropy")
    recipe, found = attempt(text, IMAGE, {"a": "float32[B, 10]", "b": "float32[B, 10]"})
    assert recipe is None
    assert [(d.code, d.span.line) for d in found] == [("AS204", 3)]
    assert "needs `input`" in found[0].message


def test_a_weight_is_not_a_loss() -> None:
    recipe, found = attempt(changed(3, "  loss: [{weight: 2}]"), IMAGE, LOGITS)
    assert recipe is None
    assert "exactly one loss, found none" in found[0].message


def test_text_needs_a_row_for_each_token(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the cat sat on the mat " * 20)
    text = """\
    train:
      data: {text: {path: a.txt, context: 8}}
      loss: cross_entropy
      metrics: perplexity
      optimizer: adamw
      epochs: 1
      batch_size: 4
    """
    inputs, vocabulary = {"tokens": "int64[B, T]"}, len(set("the cat sat on the mat"))
    outputs = {"logits": f"float32[B, T, {vocabulary}]"}
    recipe = checked(dedent(text), inputs, outputs, tmp_path, embeddings={"tokens": vocabulary})
    assert recipe.losses[0].class_dim == -1
    assert str(recipe.inputs["tokens"]) == "int64[B, 8]"
    assert recipe.losses[0].target == "target"

    _, (found,) = attempt(text, inputs, outputs, tmp_path, embeddings={"tokens": vocabulary - 1})
    assert (found.code, found.span.line) == ("AS502", 2)
    assert f"{vocabulary - 1} rows" in found.message
    # A vocabulary is often rounded up for speed: that is no warning.
    checked(text, inputs, {"logits": "float32[B, T, 64]"}, tmp_path, embeddings={"tokens": 64})


def test_a_long_context_against_a_promise(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ab" * 200)
    text = train("{text: {path: a.txt, context: 16}}", "cross_entropy")
    outputs = {"logits": "float32[B, T, 2]"}
    _, (found,) = attempt(text, {"tokens": "int64[B, T]"}, outputs, tmp_path, promises=Facts({"T": {"max": 8}}))
    assert found.code == "AS502"
    assert "`T` cannot be 16" in found.message


def test_facts_of_a_run_stand_for_its_files() -> None:
    text = train("{csv: {path: gone.csv, target: y}}", "cross_entropy")
    inputs, outputs = {"features": "float32[B, 3]"}, {"logits": "float32[B, 2]"}
    recipe, (found,) = attempt(text, inputs, outputs)
    assert recipe is None
    assert found.code == "AS504"
    assert "gone.csv" in found.message
    facts = DataFacts((Field("features", "float32", (3,)), Field("target", "int64", (), 2)), 9, ("a", "b"))
    assert DataFacts.from_json(facts.to_json()) == facts
    assert attempt(text, inputs, outputs, facts=facts)[0] is not None


def test_a_metric_with_other_arguments_is_another_metric() -> None:
    text = "  metrics: [f1, precision, {precision: {average: micro}}, {precision: {average: weighted}}]"
    recipe, found = attempt(changed(4, text), IMAGE, LOGITS)
    assert recipe is not None and not found
    labels = ["f1", "precision", "precision(average=micro)", "precision(average=weighted)"]
    assert [term.label for term in recipe.metrics] == labels
    twice = "  metrics: [{precision: {average: micro}}, precision, {precision: {average: micro}}]"
    _, (only,) = attempt(changed(4, twice), IMAGE, LOGITS)
    assert (only.code, only.message, only.span.col) == ("AS207", "metric `precision` is there twice", 56)
