"""AS6xx: a model against its budget."""

from archspec.diagnostics.catalogue import Entry

ENTRIES = (
    Entry(
        "AS601",
        "the model is over its budget",
        """
The model has more parameters, bytes or FLOPs than `budget` (or `--max-params` and the like) allows. The parts that cost
most are named: first those that have half of everything are looked into, then the greatest three are shown.

A budget in the spec, held in CI, keeps a change from making a model larger than what it is to run on without anyone
noticing.
""",
        "Make the parts that are named smaller, or raise the budget on purpose:",
        """
inputs: {x: "float32[B, 64]"}
budget: {params: 10K}
layers:
  - {name: wide, linear: 256}
  - {name: narrow, linear: 10}
""",
        """
inputs: {x: "float32[B, 64]"}
budget: {params: 10K}
layers:
  - {name: wide, linear: 128}
  - {name: narrow, linear: 10}
""",
    ),
    Entry(
        "AS602",
        "a budget of FLOPs needs sizes",
        """
The FLOPs are a formula in symbols of the inputs, and `at` gives no number for one of them. The batch `B` counts as 1
where it is not given.

A formula is neither below a limit nor above it: how much a picture costs depends on how large it is.
""",
        "Say at which sizes the FLOPs are counted:",
        """
inputs: {x: "float32[B, 3, H, W]"}
budget: {flops: 1G}
layers:
  - conv2d: {out_channels: 16, kernel_size: 3}
""",
        """
inputs: {x: "float32[B, 3, H, W]"}
budget: {flops: 1G, at: {H: 224, W: 224}}
layers:
  - conv2d: {out_channels: 16, kernel_size: 3}
""",
    ),
    Entry(
        "AS603",
        "the model does not take the sizes of its budget",
        """
A size under `at` is one that `symbols` excludes, or that the architecture cannot have.

FLOPs at such a size would be those of a model that fails when it runs.
""",
        "Give a size that the model takes:",
        """
inputs: {x: "float32[B, 3, H, 32]"}
budget: {flops: 1G, at: {H: 4}}
layers:
  - conv2d: {out_channels: 16, kernel_size: 7}
""",
        """
inputs: {x: "float32[B, 3, H, 32]"}
budget: {flops: 1G, at: {H: 32}}
layers:
  - conv2d: {out_channels: 16, kernel_size: 7}
""",
    ),
)
