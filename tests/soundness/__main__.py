"""Hunt longer than the tests do: `python -m tests.soundness --examples 20000 --seed 7`.

What is found is made small and printed as a spec; `--out` writes each into a folder as well.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from tests.soundness.hunt import hunt, is_seldom
from tests.soundness.judge import text_of


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soundness", description=__doc__)
    parser.add_argument("--examples", type=int, default=1000, help="how many specs (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (default 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first one (default 0)")
    parser.add_argument("--stop", type=int, default=10, help="after so many findings (default 10)")
    parser.add_argument("--seldom", action="store_true", help="only those with what networks seldom have")
    parser.add_argument("--out", type=Path, help="a folder for what is found")
    args = parser.parse_args()
    seen: Counter[str] = Counter()
    found = 0
    start = time.perf_counter()
    numbers = range(args.first, args.first + args.examples)
    chosen = [n for n in numbers if is_seldom(args.seed, n)] if args.seldom else numbers
    for number, spec, outcome in hunt(args.seed, chosen):
        seen[outcome.verdict] += 1
        seen["sizes that ran"] += outcome.ran
        seen["sizes that failed as they should"] += outcome.failed
        if outcome.finding is None:
            continue
        found += 1
        text = text_of(spec)
        print(f"--- {args.seed}:{number}: {outcome.finding.kind}\n{text}\n{outcome.finding.detail}\n", flush=True)
        if args.out is not None:
            args.out.mkdir(parents=True, exist_ok=True)
            (args.out / f"{args.seed}-{number}.yaml").write_text(text, encoding="utf-8")
        if found >= args.stop:
            break
    words = ", ".join(f"{count} {what}" for what, count in sorted(seen.items()))
    print(f"{words}; {found} findings in {time.perf_counter() - start:.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
