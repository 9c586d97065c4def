"""`archspec generate`: text from a trained language model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.cli.output import UsageError, add_color, write_diagnostics, write_unfit
from archspec.cli.predict import printable
from archspec.cli.specs import add_set_of_spec, add_weights, set_of_spec

if TYPE_CHECKING:
    from archspec.runtime.generate import Generator, Sampling

MOST_TOKENS = 1_000_000
MOST_PROMPT = 2**24  # bytes of a file


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "generate",
        help="continue a text with a trained language model",
        description="Continue a text with the best weights of a run that was trained on `text`. Tokens are drawn one "
        "after the other, each from what the model makes of the last `context` ones before it, until the text ends or "
        "--max-new-tokens are there. One seed gives one text.",
    )
    parser.add_argument(
        "folder", metavar="RUN", help="a run folder of `archspec train`, or a spec that names weights and data"
    )
    prompt = parser.add_mutually_exclusive_group()
    prompt.add_argument("-p", "--prompt", metavar="TEXT", default="", help="what is continued")
    prompt.add_argument("--prompt-file", metavar="FILE", help="a file that is continued; - for standard input")
    parser.add_argument(
        "--max-new-tokens", metavar="N", type=_whole(MOST_TOKENS), default=100, help="at most (default: %(default)s)"
    )
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=_number(0, 1000),
        default=1.0,
        help="below 1 what is likely comes more often, above 1 less; 0: always the most likely (default: %(default)s)",
    )
    parser.add_argument("--top-k", metavar="K", type=_whole(MOST_TOKENS), help="draw from the K most likely tokens")
    parser.add_argument(
        "--top-p", metavar="P", type=_number(0, 1, open=True), help="draw from the likeliest that have P together"
    )
    parser.add_argument("--seed", metavar="N", type=_whole(2**63 - 1, least=0), help="left out: another one each time")
    parser.add_argument(
        "--num-samples", metavar="N", type=_whole(1000), default=1, help="how many, of seed, seed + 1, … (default: 1)"
    )
    parser.add_argument(
        "--no-cache",
        action="store_true",
        help="run over all tokens for each new one, where keys and values of those before would be kept",
    )
    add_weights(parser, "other weights of this model, as RUN/last.safetensors (repeatable, for shards)")
    add_set_of_spec(parser)
    parser.add_argument("--device", metavar="DEVICE", default="cpu", help="cpu, cuda or auto (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="write JSON")
    add_color(parser)
    parser.set_defaults(run=run)


def _whole(most: int, least: int = 1) -> Any:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 20 or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, got {text!r}")
        return int(text)

    return parse


def _number(least: float, most: float, *, open: bool = False) -> Any:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most or (open and value == least):
            above = f"above {least:g}, at most {most:g}" if open else f"from {least:g} to {most:g}"
            raise argparse.ArgumentTypeError(f"expected a number {above}, got {text!r}")
        return value

    return parse


def run(args: argparse.Namespace) -> int:
    prompt = args.prompt if args.prompt_file is None else read_prompt(args.prompt_file)

    from archspec.diagnostics.model import SpecError
    from archspec.model.weights import WeightsError
    from archspec.runtime.generate import Generator, Sampling
    from archspec.runtime.predict import load_run
    from archspec.runtime.run_folder import RunError
    from archspec.runtime.wrap import DeviceError

    params = set_of_spec(args, Path(args.folder))
    sampling = Sampling(args.temperature, args.top_k, args.top_p)
    try:
        generator = Generator(load_run(args.folder, args.device, args.weights, params=params), cache=not args.no_cache)
        if args.json:
            write_json(generator, prompt, sampling, args)
        else:
            write_text(generator, prompt, sampling, args)
    except SpecError as bad:
        write_diagnostics(bad.diagnostics, bad.sources, sys.stderr, args.color)
        return 1
    except WeightsError as wrong:
        write_unfit(wrong)
        return 1 if wrong.report is not None else 2
    except (RunError, DeviceError, OSError) as wrong:
        raise UsageError(printable(str(wrong))) from None
    return 0


def read_prompt(name: str) -> str:
    """The text of a file. Raises UsageError."""
    try:
        if name == "-":
            return sys.stdin.read(MOST_PROMPT)
        with Path(name).open(encoding="utf-8") as stream:
            return stream.read(MOST_PROMPT)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {printable(name)}: {printable(str(error))}") from None


def write_json(generator: Generator, prompt: str, sampling: Sampling, args: argparse.Namespace) -> None:
    import json

    first = generator.generate(prompt, sampling, most=args.max_new_tokens, seed=args.seed)
    seeds = range(first.seed + 1, first.seed + args.num_samples)
    more = [generator.generate(prompt, sampling, most=args.max_new_tokens, seed=seed % 2**63) for seed in seeds]
    samples = [found._asdict() for found in (first, *more)]
    told = {"run": args.folder, "prompt": prompt, "cached": generator.cached, "samples": samples}
    print(json.dumps(told, indent=2, ensure_ascii=False))


def write_text(generator: Generator, prompt: str, sampling: Sampling, args: argparse.Namespace) -> None:
    """The prompt and what follows, as it comes."""
    import secrets

    generator.start(prompt)  # nothing is written of one that cannot be read
    seed = secrets.randbits(32) if args.seed is None else args.seed
    for number in range(args.num_samples):
        if number:
            print("\n---")
        stream = generator.stream(prompt, sampling, most=args.max_new_tokens, seed=(seed + number) % 2**63)
        tokens: list[int] = []  # of the last line, of which `written` characters are out
        written = 0
        sys.stdout.write(lines(prompt))
        for token in stream:
            tokens.append(token)
            text = generator.codec.decode(tokens)
            if text.endswith("\n"):
                sys.stdout.write(lines(text[written:]))
                tokens, written = [], 0
                continue
            # A character of several bytes may not be whole yet.
            sure = len(text.rstrip("\N{REPLACEMENT CHARACTER}"))
            sys.stdout.write(lines(text[written:sure]))
            written = max(written, sure)
            if sys.stdout.isatty():
                sys.stdout.flush()
        print(lines(generator.codec.decode(tokens)[written:]))


def lines(text: str) -> str:
    """Text of a model for a terminal: its lines as they are, without what would move the cursor."""
    return "".join(c if c in "\n\t" else printable(c) for c in text)
