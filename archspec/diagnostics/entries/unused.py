"""AS4xx: warnings about what is written and has no effect."""

from archspec.diagnostics.catalogue import Entry

ENTRIES = (
    Entry(
        "AS401",
        "a parameter is used nowhere",
        """
The value of the parameter changes nothing. Often an expression names another parameter, or a `$` is missing and the
name is read as text.

A setting that does nothing misleads: `--set width=64` is accepted, and the model stays as it was.
""",
        "Use it or remove it:",
        """
params: {width: 8, classes: 10}
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 10
  - linear: $width
""",
        """
params: {width: 8, classes: 10}
inputs: {x: "float32[B, 4]"}
layers:
  - linear: $classes
  - linear: $width
""",
        warning=True,
    ),
    Entry(
        "AS402",
        "a value is used nowhere",
        """
Nothing reads the value and it is no output, so the layers that compute it change nothing.

Weights that get no gradient are stored, loaded and counted, and never learn; distributed training in PyTorch even
waits for their gradients and fails.
""",
        "Read it with `from`, name it in `outputs`, or leave the item out. What is there to be stored alone, as "
        "weights that are published with a model and not called, has `forward: false`:",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - {name: a, linear: 8}
  - {name: b, linear: 8, from: x}
  - {add: {}, from: [b, b]}
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - {name: a, linear: 8}
  - {name: b, linear: 8, from: x}
  - {add: {}, from: [a, b]}
""",
        warning=True,
    ),
    Entry(
        "AS403",
        "a block is used nowhere",
        """
No layer and no block that is used names the block.

Nothing in it is checked against sizes, so it may be wrong without anyone knowing, and a reader takes it for a part of
the model.
""",
        "Use it or remove it:",
        """
inputs: {x: "float32[B, 4]"}
blocks:
  Head:
    layers: [linear: 8]
layers:
  - relu
""",
        """
inputs: {x: "float32[B, 4]"}
blocks:
  Head:
    layers: [linear: 8]
layers:
  - relu
  - Head
""",
        warning=True,
    ),
    Entry(
        "AS404",
        "a comment ignores a warning that is not there",
        """
`# archspec: ignore[AS401]` says that a warning of its line is meant; standing alone, it speaks of the line below it,
and as `ignore-file[AS401]` of the whole file. There is no such warning here (any more). Errors cannot be ignored.

It would hide a warning that appears there later, which nobody has judged yet.
""",
        "Remove the comment, or the code from its list:",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8  # archspec: ignore[AS402]
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
""",
        warning=True,
    ),
)
