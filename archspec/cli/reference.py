"""Writes docs/ops.md, docs/training.md and docs/errors/: `python -m archspec.cli.reference [--check]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from archspec.cli import pages
from archspec.ops.base import Arg, Declared, Op
from archspec.ops.coverage import NOT_OPS, SAID_BY
from archspec.ops.words import doc, example, families, gives, reads, title, value
from archspec.recipe.augment import AUGMENTS
from archspec.recipe.averaging import AVERAGES
from archspec.recipe.losses import LOSSES
from archspec.recipe.metrics import METRICS
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.parts import Family
from archspec.recipe.runtime import RUNTIME_PARTS, RUNTIME_VALUES
from archspec.recipe.schedules import SCHEDULES
from archspec.recipe.sections import REQUIRED, TRAIN_KEYS, TRAIN_VALUES, Value
from archspec.recipe.sources import DATA
from archspec.recipe.stopping import TRAIN_PARTS
from archspec.recipe.tuning import OPTIMIZER_VALUES

_PYTORCH = "https://docs.pytorch.org/docs/stable/generated/{}.html"
_NOTICE = "<!-- Generated from the declarations in archspec/{}/ by `make docs`; edit those. -->"
_OPS = """\
# Ops

Every op a spec may name, with PyTorch's names and arguments. In a terminal: `archspec ops NAME`.
An argument without a default is required; a lone value stands for the first argument (`linear: 10`).
The comment behind an example says what goes in and what comes out.

A shape rule has the inputs left of its arrow and the results right of it. `*` is any number of sizes (of several
inputs, broadcast), `N?` one that may be missing, any other name an argument; `//` rounds down. `each S'` holds for each
spatial axis, with the argument's entry for it. A part behind a semicolon is of the arguments that it names.
"""
_OTHER_NAMES = """\
Every public name of `torch.nn`, `torch.nn.functional`, `torch`, `torch.fft`, `torch.linalg`, `torch.special`,
`torch.signal.windows`, `torch.nn.utils` and `torch.nn.utils.rnn`, and every method of `torch.Tensor`, is an op above,
or stands here: with the op that says the same, or with the reason that there is none. `*` stands for any letters."""
_TRAINING = """\
# Training

A spec may say how its architecture is trained and where it runs; `archspec train SPEC` does it. Both sections are held
against the architecture before anything runs: a data set of one channel into a model of three is an error at its line.

```yaml
train:
  data: {digits: {holdout: 0.2}}
  loss: {cross_entropy: {input: logits, target: label}}
  metrics: [accuracy, f1]
  optimizer: {adamw: {lr: 3e-3, weight_decay: 0.01}}
  schedule: {cosine: {warmup: 0.1}}
  epochs: 12
  batch_size: 64
runtime:
  precision: bf16
```

A loss or metric reads an output of the model (`input`) and a field of the data (`target`); where there is only one, it
need not be named. Like an op, a part takes a mapping of arguments, or a lone value for the first. Paths start from the
folder of the file in which `data` stands. A metric that is there again, for another output or with other
arguments, is named by them: `mae(value, target)`, `precision(average=micro)`; so `monitor` and `by` name it too.
"""


_AUGMENT = """\
`augment` stands beside the kind of data: `data: {images: {path: flowers, size: 64}, augment: [random_horizontal_flip,
{random_crop: {padding: 4}}]}`. They are done in order, on values as they were before `mean` and `std`. What becomes of
a sample depends on `seed`, the epoch and its number alone: not on its batch, workers, processes, or a resumption.
Held-out data and predictions are without them. With `mixup` and `cutmix` both, each sample gets one of them.
"""
_BESIDE = """\
Beside the optimizer stand keys that say which parameters it moves how:

```yaml
optimizer:
  adamw: {lr: 1e-3, weight_decay: 0.05}
  layer_decay: 0.75
  norm_weight_decay: 0
  bias_weight_decay: 0
  groups:
    - {match: head, lr: 1e-2}
    - {match: ["*.pos_embedding", class_token], weight_decay: 0}
```

`match` takes [patterns](weights.md#patterns) of names of parameters. An entry of `groups` may have any argument of the
optimizer; where several match, each says what it has, and the later counts more. `layer_decay` counts from the output:
the last layer has the whole rate, and a group's `lr` is scaled alike. The layers are the turns of repeats; what stands
before the first, between two or after the last is one layer each. A tied parameter is one, and matches by any of its
names. `archspec train -n` shows the groups.
"""


def ops() -> str:
    """docs/ops.md"""
    parts = [_NOTICE.format("ops"), _OPS]
    grouped = families()
    for module, group in grouped.items():
        parts.append(f"- {title(module)}: {', '.join(f'[`{op.name}`](#{op.name})' for op in group)}")
    parts.append("")
    for module, group in grouped.items():
        parts.append(f"## {title(module)}\n")
        parts += [_op(op) for op in group]
    return _joined([*parts, *_other_names()])


def _other_names() -> list[str]:
    """What of PyTorch's namespaces has another name here, or none."""
    lines = ["## Names of PyTorch's that are no ops of that name", "", _OTHER_NAMES, ""]
    lines += ["| in PyTorch | here |", "| --- | --- |"]
    for namespace, table in SAID_BY.items():
        lines += [f"| {_names(namespace, patterns)} | [`{op}`](#{op}) |" for op, patterns in table.items()]
    lines += ["", "| in PyTorch | why it is none |", "| --- | --- |"]
    for namespace, reasons in NOT_OPS.items():
        lines += [f"| {_names(namespace, patterns)} | {why} |" for why, patterns in reasons.items()]
    return lines


def _names(namespace: str, patterns: str) -> str:
    return ", ".join(f"`{namespace}.{pattern}`" for pattern in patterns.split())


def training() -> str:
    """docs/training.md"""
    parts = [_NOTICE.format("recipe"), _TRAINING, "## Keys of `train`\n"]
    rows: list[tuple[str, ...]] = []
    for key, meaning in TRAIN_KEYS.items():
        plain = TRAIN_VALUES.get(key)
        default = "required" if key in REQUIRED else f"`{value(plain.default)}`" if plain else ""
        rows.append((f"`{key}`", plain.kind.title if plain else "", default, meaning))
    parts += [*_table("key", rows), "", "## Keys of `runtime`\n"]
    parts += [*_table("key", [_value(key, given) for key, given in RUNTIME_VALUES.items()]), ""]
    parts.append(
        "Beside these, each with arguments of its own; a lone value is the first of them (`precision: bf16`):\n"
    )
    parts += [_part(part) for part in RUNTIME_PARTS.values()]
    sections: dict[str, Family[Any]] = {
        "Data": DATA, "Augmentations": AUGMENTS, "Losses": LOSSES, "Metrics": METRICS, "Optimizers": OPTIMIZERS,
        "Schedules": SCHEDULES,
        "Averages": AVERAGES,
    }  # fmt: skip
    for head, family in sections.items():
        parts.append(f"## {head}\n")
        if family is AUGMENTS:
            parts += [_AUGMENT]
        if family is OPTIMIZERS:
            parts += [_BESIDE, *_table("key", [_value(key, given) for key, given in OPTIMIZER_VALUES.items()]), ""]
        parts += [_part(part) for part in family.parts.values()]
    parts += ["## Ends\n", *(_part(part) for part in TRAIN_PARTS.values())]
    return _joined(parts)


def _joined(parts: list[str]) -> str:
    return "\n".join(parts).rstrip("\n") + "\n"


def _op(op: type[Op]) -> str:
    facts = [f"PyTorch: {_link(op.counterpart)}."] if op.counterpart else []
    facts += [f"Reads: {reads(op)}.", f"Gives: {gives(op)}."]
    lines = [f"### {op.name}", "", _escaped(doc(op)), "", " ".join(facts), "", f"Shape: {_rule(op.rule)}.", ""]
    lines += _arguments(op)
    if op.examples:
        lines += ["```yaml", *("  # ".join(example(op, e)) for e in op.examples), "```", ""]
    return "\n".join(lines)


def _part(part: type[Declared]) -> str:
    lines = [f"### {part.name}", "", doc(part), ""]
    if part.counterpart:
        owner = "torchmetrics" if part.counterpart.startswith("torchmetrics") else "PyTorch"
        lines += [f"{owner}: {_link(part.counterpart)}.", ""]
    return "\n".join(lines + _arguments(part))


def _arguments(declared: type[Declared]) -> list[str]:
    if not declared.args:
        return []
    return [*_table("argument", [_argument(arg) for arg in declared.args.values()]), ""]


def _argument(arg: Arg[Any]) -> tuple[str, ...]:
    return f"`{arg.name}`", arg.kind.title, "required" if arg.required else f"`{value(arg.default)}`", arg.doc


def _value(key: str, given: Value) -> tuple[str, ...]:
    return f"`{key}`", given.kind.title, f"`{value(given.default)}`", given.doc


def _table(what: str, rows: list[tuple[str, ...]]) -> list[str]:
    lines = [f"| {what} | value | default | meaning |", "| --- | --- | --- | --- |"]
    return lines + [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]


def _rule(rule: str) -> str:
    """With what is a formula set as one."""
    formula, semicolon, rest = rule.partition(";")
    if "`" in formula or "[" not in formula:
        return _escaped(rule)
    return f"`{formula}`{semicolon}{_escaped(rest)}"


def _escaped(text: str) -> str:
    """Asterisks are no emphasis, except in code, where they are none anyway."""
    return "`".join(part if i % 2 else part.replace("*", "\\*") for i, part in enumerate(text.split("`")))


def _link(name: str) -> str:
    """The page of a `torch.…` name; tensor methods and operators have none of that form."""
    if name.startswith("torch.") and name.replace(".", "_").isidentifier():
        return f"[`{name}`]({_PYTORCH.format(name)})"
    return f"`{name}`"


def documents() -> dict[str, str]:
    """Every generated document by its path."""
    return {"docs/ops.md": ops(), "docs/training.md": training(), **pages.documents()}


def main(argv: list[str] | None = None) -> int:
    """Write the documents below the working directory; with --check, 1 if one is not up to date."""
    parser = argparse.ArgumentParser(prog="python -m archspec.cli.reference", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args(argv).check
    code = 0
    known = documents()
    for path in sorted(Path(pages.DOCUMENTS).glob("*.md")):
        if path.as_posix() in known:
            continue
        if check:
            print(f"{path} is the page of no code; remove it with `make docs`", file=sys.stderr)
            code = 1
        else:
            path.unlink()
    for name, text in known.items():
        path = Path(name)
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{name} is not what the declarations give; write it with `make docs`", file=sys.stderr)
            code = 1
    return code


if __name__ == "__main__":
    raise SystemExit(main())
