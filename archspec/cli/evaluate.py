"""`archspec evaluate`: the loss and the metrics of a trained run."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from archspec.cli.output import UsageError, add_color, write_diagnostics, write_error, write_unfit
from archspec.cli.predict import add_checkpoint, printable
from archspec.cli.specs import add_set_of_spec, add_weights, set_of_spec


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="the loss and the metrics of a trained run",
        description="Evaluate a run folder on its held-out data (or on its training data), with its best weights, its "
        "last, or those of a checkpoint. The data must be where the spec of the run says. Under torchrun the "
        "processes share the batches out.",
    )
    parser.add_argument(
        "folder", metavar="RUN", help="a run folder of `archspec train`, or a spec that names weights and data"
    )
    add_checkpoint(parser)
    parser.add_argument(
        "--split", choices=("holdout", "train"), default="holdout", help="which data (default: %(default)s)"
    )
    add_weights(parser, "other weights of this model (repeatable, for shards)")
    add_set_of_spec(parser)
    parser.add_argument("--device", metavar="DEVICE", default="cpu", help="cpu, cuda or auto (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="write JSON")
    add_color(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from archspec.diagnostics.model import SpecError
    from archspec.model.weights import WeightsError
    from archspec.recipe.files import DataError
    from archspec.recipe.runtime import Parallel
    from archspec.runtime.predict import load_run
    from archspec.runtime.progress import number4
    from archspec.runtime.run_folder import RunError
    from archspec.runtime.scores import scores
    from archspec.runtime.world import WorldError, joined, local_device
    from archspec.runtime.wrap import DeviceError

    params = set_of_spec(args, Path(args.folder))
    try:
        loaded = load_run(args.folder, local_device(args.device), args.weights, args.checkpoint, params)
        with joined(Parallel.parse({"data": "ddp"}), loaded.prepared.device) as world:
            found = scores(loaded, args.split, world)
    except SpecError as bad:
        write_diagnostics(bad.diagnostics, bad.sources, sys.stderr, args.color)
        return 1
    except WeightsError as wrong:
        write_unfit(wrong)
        return 1 if wrong.report is not None else 2
    except DataError as wrong:
        write_error("AS505", printable(str(wrong)))
        return 2
    except (RunError, DeviceError, WorldError, OSError) as wrong:
        raise UsageError(printable(str(wrong))) from None
    if not world.main:
        return 0
    if args.json:
        print(json.dumps({"run": args.folder, "checkpoint": args.checkpoint or "best", "split": args.split, **found}))
        return 0
    for name, value in found.items():
        print(f"{name}  {number4(value) if isinstance(value, float) else f'{value:,}'}")
    return 0
