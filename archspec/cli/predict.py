"""`archspec predict`: what a trained run says of an input."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from archspec.cli.output import Styles, UsageError, add_color, write_diagnostics, write_unfit
from archspec.cli.specs import add_set_of_spec, add_weights, set_of_spec

BAR = 30  # letters
MOST_SHOWN = 20  # values of an output


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "predict",
        help="predict with a trained run",
        description="Predict with the best weights of a run folder. INPUT is read as the training data were: an image, "
        "a csv file, an npz or npy file, shards (parquet, Arrow, tar), a text to continue, or `digits:17`, sample 17 "
        "of the built-in data.",
    )
    parser.add_argument(
        "folder", metavar="RUN", help="a run folder of `archspec train`, or a spec that names weights and data"
    )
    parser.add_argument("input", metavar="INPUT", help="a file, a folder of shards, or digits:N")
    parser.add_argument("--top", metavar="K", type=_positive, default=5, help="classes to show (default: %(default)s)")
    parser.add_argument(
        "--length", metavar="N", type=_positive, default=1, help="tokens to continue a text by (default: %(default)s)"
    )
    add_weights(parser, "other weights of this model, as RUN/last.safetensors (repeatable, for shards)")
    add_set_of_spec(parser)
    add_checkpoint(parser)
    parser.add_argument("--device", metavar="DEVICE", default="cpu", help="cpu, cuda or auto (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="write JSON")
    add_color(parser)
    parser.set_defaults(run=run)


def add_checkpoint(parser: Any) -> None:
    parser.add_argument(
        "--checkpoint",
        metavar="WHICH",
        help="of a run: best, last, or the step of one of its checkpoints (default: best)",
    )


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 100000, got {text!r}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    from archspec.diagnostics.model import SpecError
    from archspec.model.weights import WeightsError
    from archspec.runtime.predict import load_run, predict
    from archspec.runtime.run_folder import RunError
    from archspec.runtime.wrap import DeviceError

    params = set_of_spec(args, Path(args.folder))
    try:
        loaded = load_run(args.folder, args.device, args.weights, args.checkpoint, params)
        samples = predict(loaded, args.input, top=args.top, length=args.length)
    except SpecError as bad:
        write_diagnostics(bad.diagnostics, bad.sources, sys.stderr, args.color)
        return 1
    except WeightsError as wrong:
        write_unfit(wrong)
        return 1 if wrong.report is not None else 2
    except (RunError, DeviceError, OSError) as wrong:
        raise UsageError(printable(str(wrong))) from None
    if args.json:
        import json

        print(json.dumps({"run": args.folder, "input": args.input, "predictions": samples}, indent=2))
        return 0
    styles = Styles.of(args.color, sys.stdout)
    for number, sample in enumerate(samples, start=1):
        for name, found in sample.items():
            title = printable(name) if len(sample) > 1 else ""
            if len(samples) > 1 or "id" in found:
                print(f"{printable(found.get('id', str(number)))}: {title}{' ' * bool(title)}{brief(found)}")
            else:
                print("\n".join([*([styles.bold(title)] if title else []), *whole(found, styles)]))
    return 0


def printable(text: str) -> str:
    """Text of a file for a terminal: what would move the cursor is written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def brief(found: dict[str, Any]) -> str:
    """One line for a sample among many."""
    if "class" in found:
        return f"{printable(found['class'])}  {found['probability']:.4f}"
    if "sequence" in found:
        return f"{sequence(found)}  {found['probability']:.4f}"
    if "shares" in found:
        return ", ".join(f"{printable(name)} {share:.1%}" for name, share in found["shares"].items())
    return numbers(found.get("probabilities", found.get("values")))


def whole(found: dict[str, Any], styles: Styles) -> list[str]:
    """The lines for the only sample."""
    if "sequence" in found:
        return [brief(found)]
    if "class" in found:
        table = {entry["class"]: entry["probability"] for entry in found["top"]}
    elif "shares" in found:
        table = found["shares"]
    else:
        return [numbers(found.get("probabilities", found.get("values")))]
    names = [printable(name) if name.strip() else repr(name) for name in table]
    width = max(map(len, names))
    mark = "█" if _can_write("█") else "#"
    lines = [
        f"{name:>{width}}  {share:.4f}  {styles.green(mark * round(BAR * share))}".rstrip()
        for name, share in zip(names, table.values(), strict=True)
    ]
    if "text" in found:
        lines.append(f"next: {printable(found['text'])}")
    return lines


def sequence(found: dict[str, Any]) -> str:
    return " ".join(printable(name) for name in found["sequence"]) or "(nothing)"


def numbers(values: Any) -> str:
    if not isinstance(values, list):
        return f"{values:.6g}"
    shown = " ".join(f"{value:.6g}" for value in values[:MOST_SHOWN])
    return shown if len(values) <= MOST_SHOWN else f"{shown} … ({len(values)} values; --json has them)"


def _can_write(mark: str) -> bool:
    try:
        mark.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
