"""`archspec export`: a model as weights, source, torch.export, ONNX or TorchScript."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.cli.output import UsageError, add_color, printable, write_diagnostics, write_unfit
from archspec.cli.specs import add_set_of_spec, add_weights, load_one, set_of_spec
from archspec.deploy.errors import ExportError
from archspec.deploy.forms import FORMS, Form, form_of

if TYPE_CHECKING:
    from archspec.deploy.verify import Verified
    from archspec.pipeline import Report


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "export",
        help="write a model as weights, source, torch.export, ONNX or TorchScript",
        description="Write a trained run, or a spec with its weights, in a form that other programs run. FILE's name "
        "says which: .safetensors, .py, .pt2 (torch.export), .onnx, .ts (TorchScript). The symbols of the inputs stay "
        "free within what the spec requires of them. What was exported is run against the model before it is put in "
        "place.",
    )
    parser.add_argument("spec", metavar="SPEC|RUN", help="a spec, or a run folder of `archspec train`")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="where to write")
    parser.add_argument("--format", choices=tuple(FORMS), help="what to write (default: by the name of FILE)")
    add_weights(parser, "these weights, instead of the run's best or those that the spec names (repeatable)")
    parser.add_argument(
        "--size",
        metavar="NAME=N",
        action="append",
        default=[],
        help="a symbol of the inputs that is this number in what is exported (repeatable): --size H=224",
    )
    parser.add_argument(
        "--opset", metavar="N", type=int, help="version of ONNX's operators (default: PyTorch's choice)"
    )
    parser.add_argument(
        "-O",
        "--optimize",
        action="store_true",
        help="fold batch norms into convolutions, and leave out what is idle, dead or computed twice; that it computes "
        "the same is shown in float64",
    )
    parser.add_argument(
        "--prune",
        metavar="SHARE|N:M",
        help="first set this share of the weights of linear layers and convolutions to zero, those of least magnitude "
        "(0.5); or all but the N largest of each M (2:4)",
    )
    parser.add_argument(
        "--quantize",
        choices=("int8",),
        help="of ONNX: weights of linear layers and embeddings as int8, what they multiply quantised as it runs",
    )
    parser.add_argument("-f", "--force", action="store_true", help="overwrite FILE")
    add_set_of_spec(parser)
    add_color(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    target, source = Path(args.output), Path(args.spec)
    if target.is_dir():
        raise UsageError(f"`{target}` is a directory")
    if not target.parent.is_dir():
        raise UsageError(f"there is no directory `{target.parent}`")
    if target.exists() and not args.force:
        raise UsageError(f"`{target}` is there already", "help: --force overwrites it")
    params, fixed = set_of_spec(args, source), sizes(args.size)

    try:
        form = form_of(target, args.format)
        if args.quantize and form.name != "onnx":
            raise UsageError("`--quantize` is of ONNX", "help: end FILE in .onnx")
        if args.prune and form.name == "source":
            raise UsageError("`--prune` is of weights, and source has none")
        if form.name == "source" and not source.is_dir() and not args.optimize:
            return source_of(source, target, params, args.color)
        return write(source, target, form, params, fixed, args)
    except ExportError as wrong:
        raise UsageError(str(wrong), *([f"help: {wrong.help}"] if wrong.help else [])) from None
    except OSError as wrong:
        raise UsageError(str(wrong)) from None


def source_of(spec: Path, target: Path, params: dict[str, Any], color: str) -> int:
    """As `archspec compile`: it takes no torch."""
    from archspec import pipeline
    from archspec.deploy.files import placed
    from archspec.diagnostics.model import SpecError

    try:
        text = pipeline.source(load_one(str(spec)), params)
    except SpecError as bad:
        write_diagnostics(bad.diagnostics, bad.sources, sys.stderr, color)
        return 1
    with placed(target) as stage:
        stage.write_text(text, encoding="utf-8", newline="\n")
    print(f"{printable(str(target))}: {target.stat().st_size:,} bytes, {FORMS['source'].doc}")
    return 0


def write(
    source: Path, target: Path, form: Form, params: dict[str, Any], fixed: dict[str, int], args: argparse.Namespace
) -> int:
    """All other forms. Raises ExportError, OSError, UsageError."""
    from archspec.deploy.export import Options, export
    from archspec.deploy.optimized import optimized
    from archspec.diagnostics.model import Diagnostic, SpecError
    from archspec.model.weights import WeightsError
    from archspec.runtime.run_folder import RunError
    from archspec.runtime.trained import load_trained

    try:
        trained = load_trained(source, args.weights, params)
        write_diagnostics(trained.report.diagnostics, trained.report.sources, sys.stderr, args.color)
        if not trained.weights and form.name != "source":
            print("note: the spec names no weights: they are as initialised (--weights FILE)", file=sys.stderr)
        better = optimized(trained.report, trained.module, fixed) if args.optimize else None
        module = trained.module if better is None else better.module
        if args.prune:
            from archspec.deploy.smaller import pruned, read_pruning

            told = pruned(trained.report, module, read_pruning(args.prune), fixed)
            print(
                f"pruned: {told.zeros:,} of {told.weights:,} weights ({told.zeros / told.weights:.1%}) of "
                f"{told.layers:,} layers are zero; outputs differ by {told.difference:.2g} of the largest"
            )
        options = Options(fixed, args.opset, None if better is None else better.source, bool(args.quantize))
        verified = export(trained.report, module, target, form, options)
    except ExportError as wrong:
        if wrong.place is None:
            raise
        found = Diagnostic("AS901", str(wrong), wrong.place.span, wrong.place.label, help=wrong.help)
        write_diagnostics([found], trained.report.sources, sys.stderr, args.color)
        return 2
    except SpecError as bad:
        write_diagnostics(bad.diagnostics, bad.sources, sys.stderr, args.color)
        return 1
    except WeightsError as wrong:
        write_unfit(wrong)
        return 1
    except RunError as wrong:
        raise UsageError(str(wrong)) from None
    lines = summary(trained.report, target, form.doc, verified, fixed)
    if better is not None:
        lines += [f"optimized: {line}" for line in better.found.words()]
        lines.append(f"optimized: largest difference from the model in float64 {better.difference:.1e}")
    print("\n".join(lines))
    return 0


def sizes(given: list[str]) -> dict[str, int]:
    """`["H=224"]` as `{"H": 224}`. Raises UsageError."""
    out: dict[str, int] = {}
    for text in given:
        name, equals, number = text.partition("=")
        if not equals or not number.isascii() or not number.isdigit() or not 0 < int(number[:18]) < 10**12:
            raise UsageError(f"`--size {text}` is not of the form NAME=N", "help: --size H=224")
        out[name.strip()] = int(number)
    return out


def summary(report: Report, target: Path, doc: str, verified: Verified | None, fixed: dict[str, int]) -> list[str]:
    lines = [f"{printable(str(target))}: {target.stat().st_size:,} bytes, {doc}"]
    if verified is None:
        return lines
    types = ", ".join(
        f"{name}: {type_.with_shape(s.subs(fixed) if hasattr(s, 'subs') else s for s in type_.shape)}"
        for name, type_ in report.inputs.items()
    )
    lines.append(f"inputs {types}")
    if report.requirements:
        lines.append(f"requires {', '.join(report.requirements)}")
    shapes = " and ".join(", ".join(str(list(shape)) for shape in tried) for tried in verified.shapes)
    lines.append(f"verified against the model for {shapes}: largest difference {verified.difference:.1e}")
    small = verified.quantised
    if small is not None:
        lines.append(
            f"then quantised: {small.before:,} bytes became {small.after:,} ({small.before / small.after:.1f} times "
            f"smaller); outputs differ by {small.difference:.2g} of the largest"
        )
    return lines
