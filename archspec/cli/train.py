"""`archspec train`: train a spec as its `train:` section says, into a run folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from archspec.cli import trial
from archspec.cli.output import Styles, UsageError, add_color, write_diagnostics, write_error, write_unfit
from archspec.cli.specs import add_set, add_weights, load_one, overrides

if TYPE_CHECKING:
    from archspec.runtime.session import Result
    from archspec.transfer.report import TransferReport


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "train",
        help="train a spec, into a run folder",
        description="Train a spec as its `train:` section says. The run folder gets the resolved spec, its source, "
        "metrics as JSON lines, the best and the last weights as safetensors, checkpoints and a report. Ctrl-C ends "
        "a run early and keeps what it has. A run that was ended or killed goes on where it was, bit for bit, when its "
        "folder is given for SPEC (or as --run, with its spec).",
    )
    parser.add_argument(
        "spec", metavar="SPEC", help="a file, - for standard input, or the folder of a run to go on with"
    )
    add_set(parser)
    add_weights(parser, "start from these weights, instead of those that the spec names (repeatable, for shards)")
    parser.add_argument("--epochs", metavar="N", type=int, help="as --set train.epochs=N")
    parser.add_argument(
        "-o",
        "--run",
        metavar="DIR",
        dest="folder",
        help="the run folder: new, empty, or of this run (default: runs/NAME-N)",
    )
    parser.add_argument("--device", metavar="DEVICE", help="auto, cpu or cuda (default: the spec's, or auto)")
    trial.add_options(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress and no summary")
    add_color(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from archspec import pipeline
    from archspec.diagnostics.model import Diagnostic, SpecError

    if (Path(args.spec) / "run.json").is_file():
        if args.folder is not None:
            raise UsageError("`--run` is not given with a run to go on with", "help: it goes on in its own folder")
        if args.weights:
            raise UsageError("`--weights` is not given with a run to go on with", "help: it has weights of its own")
        args.spec, args.folder = str(Path(args.spec) / "spec.yaml"), args.spec
        args.weights = None  # those that it started from may be gone
    if args.json and not trial.asked(args):
        raise UsageError("`--json` is for `--dry-run`, `--overfit-one-batch` and `--find-lr`")
    params = overrides(args.set)
    if args.epochs is not None:
        params["train.epochs"] = args.epochs
    report = pipeline.check(load_one(args.spec), params, weights=args.weights)
    write_diagnostics(report.diagnostics, report.sources, sys.stderr, args.color)
    if not report.ok:
        return 1
    if report.recipe is None:
        help = "help: say `train: {data: …, loss: …, optimizer: …, epochs: …, batch_size: …}` in it"
        raise UsageError(f"`{args.spec}` has no `train:` section", help)

    from archspec.model.transfer import WeightsError
    from archspec.runtime.compiled import CompileError
    from archspec.runtime.heap import keep_freed_memory
    from archspec.runtime.heard import Heard
    from archspec.runtime.loggers import LoggerError
    from archspec.runtime.precision import PrecisionError
    from archspec.runtime.run_folder import RunError
    from archspec.runtime.session import execute, plan
    from archspec.runtime.trainer import TrainingError
    from archspec.runtime.world import WorldError
    from archspec.runtime.wrap import DeviceError

    try:
        given = plan(report, params, args.device)
        if trial.asked(args):
            return trial.run(given, args)
        keep_freed_memory()
        result = execute(given, args.folder, quiet=args.quiet, warn=_warn)
    except SpecError as bad:
        write_diagnostics(bad.diagnostics, {**report.sources, **bad.sources}, sys.stderr, args.color)
        return 1
    except WeightsError as wrong:
        write_unfit(wrong)
        return 1
    except (DeviceError, PrecisionError) as wrong:
        if wrong.span is None:
            raise UsageError(str(wrong)) from None
        write_diagnostics([Diagnostic("AS505", str(wrong), wrong.span)], report.sources, sys.stderr, args.color)
        return 2
    except (RunError, CompileError, LoggerError, WorldError) as wrong:
        raise UsageError(str(wrong)) from None
    except TrainingError as wrong:
        write_error("AS505", str(wrong))
        return 2
    if not args.quiet and result.main:
        text = summary(result, Styles.of(args.color, sys.stdout))
        print(text, file=cast(TextIO, Heard(sys.stdout)), flush=True)
    return 128 + result.signal if result.signal else 0


def _warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr, flush=True)


def started(report: TransferReport) -> str:
    """`weights: 120 loaded, 2 fresh (float16 → float32: 62 tensors)`"""
    done = [f"{how}: {count:,} tensors" for how, count in report.converted.items()]
    return f"weights: {report.summary()}" + (f" ({'; '.join([*done, *report.notes])})" if done or report.notes else "")


def summary(result: Result, styles: Styles) -> str:
    """`best accuracy 0.9917 in epoch 9`, and where to look."""
    from archspec.runtime.progress import number4
    from archspec.runtime.run_folder import REPORT

    lines = [started(result.transfer)] if result.transfer is not None else []
    lines += [] if result.status == "done" else [styles.bold(f"{result.status} after {len(result.history)} epochs")]
    if result.status == "done" and result.message:
        lines.append(result.message)
    if result.best is not None:
        what = "held-out loss" if result.criterion == "loss" else result.criterion
        lines.append(f"best {what} {styles.green(number4(result.best))} in epoch {result.best_epoch}")
    lines.append(f"run {result.folder}  report {result.folder / REPORT}")
    return "\n".join(lines)
