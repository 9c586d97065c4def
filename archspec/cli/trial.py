"""`archspec train` with `--dry-run`, `--overfit-one-batch` or `--find-lr`: a few steps, and nothing left behind."""

from __future__ import annotations

import argparse
import json
import math
from typing import TYPE_CHECKING, Any

from archspec.cli.output import number

if TYPE_CHECKING:
    from archspec.runtime.session import Plan

HEIGHT, WIDTH = 14, 60  # characters of a plot


def add_options(parser: Any) -> None:
    one = parser.add_mutually_exclusive_group()
    one.add_argument(
        "-n", "--dry-run", action="store_true", help="a step on one batch: say what would be trained and what it takes"
    )
    one.add_argument(
        "--overfit-one-batch",
        metavar="STEPS",
        type=_steps,
        nargs="?",
        const=200,
        help="train on the first batch alone (default: 200 steps); exit code 1 where its loss does not fall to a tenth",
    )
    one.add_argument(
        "--find-lr",
        metavar="STEPS",
        type=_steps,
        nargs="?",
        const=100,
        help="a learning-rate range test (default: 100 steps from 1e-7 to 10), and what it suggests",
    )
    parser.add_argument("--json", action="store_true", help="write what these three find as JSON")


def _steps(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 2 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"expected a number of steps from 2 to 1000000, got {text!r}")
    return int(text)


def asked(args: argparse.Namespace) -> bool:
    return bool(args.dry_run or args.overfit_one_batch or args.find_lr)


def run(given: Plan, args: argparse.Namespace) -> int:
    """Raises what archspec.runtime.trial does."""
    from archspec.runtime import trial

    if args.find_lr:
        found = trial.find_lr(given, steps=args.find_lr)
        print(_json(found) if args.json else curve(found))
        return 0
    if args.overfit_one_batch:
        found = trial.overfit(given, args.overfit_one_batch)
        print(_json(found) if args.json else overfitted(found))
        return 0 if found["learned"] else 1
    found = trial.costs(given)
    print(_json({**settings_of(given), **found}) if args.json else f"{planned(given)}\n{costs(found)}")
    return 0


def _json(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2, default=str)


def settings_of(given: Plan) -> dict[str, Any]:
    from archspec.runtime.described import data_summary, name_of, settings

    table = {"parameters": given.report.parameters, **data_summary(given), **settings(given)}
    return {"name": name_of(given.report), "settings": table}


def planned(given: Plan) -> str:
    """What a run would do, a line a setting."""
    found = settings_of(given)
    lines = [found["name"]]
    for key, value in {**found["settings"], "parameters": number(given.report.parameters)}.items():
        parts = [str(part) for part in value] if isinstance(value, list) else ["none" if value is None else str(value)]
        text = (f"\n{'':20}" if any(", " in part for part in parts) else ", ").join(parts)
        lines.append(f"  {key.replace('_', ' '):<17} {text}")
    return "\n".join(lines)


def costs(found: dict[str, Any]) -> str:
    """`memory  weights 1.2 MB, …`, and how long a step and the whole run take."""
    memory = found["memory"]
    parts = ", ".join(f"{key} {size(value)}" for key, value in memory.items() if key not in ("total", "peak"))
    peak = f", peak measured {size(memory['peak'])}" if "peak" in memory else ""
    time = f"a step {seconds(found['step_seconds'])}, {found['steps']:,} steps and the evaluations"
    rows = {
        "first loss": f"{found['loss']:.4g}",
        "memory": f"{size(memory['total'])} ({parts}){peak}",
        "time": f"about {seconds(found['seconds'])} ({time} {seconds(found['evaluation_seconds'])} an epoch)",
    }
    return "\n".join(f"  {key:<17} {text}" for key, text in rows.items())


def size(count: int) -> str:
    """`12.3 MB`, in powers of ten."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= least:
            return f"{count / least:.3g} {unit}"
    return f"{count} bytes"


def seconds(count: float) -> str:
    """`2.1 h`, `3.4 min`, `12 s`, `3.1 ms`"""
    for unit, least in (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if count >= least:
            return f"{count / least:.3g} {unit}"
    return f"{count * 1e3:.3g} ms"


def overfitted(found: dict[str, Any]) -> str:
    steps = f"{found['steps']} step{'s' * (found['steps'] != 1)}"
    text = f"loss of one batch: {found['first']:.4g} -> {found['last']:.4g} in {steps}"
    if found["learned"]:
        return f"{text}; the model can learn it"
    return f"{text}; it does not come below a tenth: look at the loss, the rate and the data, or give it more steps"


def curve(found: dict[str, Any]) -> str:
    """The smoothed loss over the learning rate, ten rows of it as a table, and the suggestion."""
    rates, losses = found["lr"], found["smoothed"]
    if not rates:
        return "the loss is not finite at the smallest rate"
    mark = found["suggestion"]
    lines = [*plot(rates, losses, mark), "", f"{'lr':>10}  loss"]
    shown = sorted({round(k * (len(rates) - 1) / 9) for k in range(10)})
    lines += [f"{rates[k]:>10.2e}  {losses[k]:.4g}" for k in shown]
    none = "the loss does not fall: no suggestion"
    lines += ["", none if mark is None else f"suggestion: lr {mark:.1e} (where the loss falls steepest, | in the plot)"]
    return "\n".join(lines)


def plot(rates: list[float], losses: list[float], mark: float | None) -> list[str]:
    """Characters: `*` is the loss, `|` the column of the marked rate. Losses far above the first are cut off."""
    top = max(value for value in losses if value <= 1.5 * losses[0])
    low = min(losses)
    span = top - low or 1.0
    wide = math.log(rates[-1] / rates[0]) or 1.0

    def column(rate: float) -> int:
        return round((WIDTH - 1) * math.log(rate / rates[0]) / wide)

    rows = [[" "] * WIDTH for _ in range(HEIGHT)]
    if mark is not None:
        for row in rows:
            row[column(mark)] = "|"
    for rate, loss in zip(rates, losses, strict=True):
        place = round((HEIGHT - 1) * (top - min(loss, top)) / span)
        rows[place][column(rate)] = "*"
    labels = {0: f"{top:.4g}", HEIGHT - 1: f"{low:.4g}"}
    lines = [f"{labels.get(number, ''):>9} {''.join(row).rstrip()}" for number, row in enumerate(rows)]
    return [*lines, f"{'lr':>9} {f'{rates[0]:.0e}':<{WIDTH - 5}}{rates[-1]:.0e}"]
