"""Networks written by hand in PyTorch: references of goldens that no package has, and peers of what archspec emits."""

# where `source.call` of a golden that names the package `make_golden` finds its class
HANDWRITTEN = tuple(f"benchmarks.handwritten.{room}" for room in ("references", "generative"))
