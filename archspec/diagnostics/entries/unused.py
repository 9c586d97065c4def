"""AS4xx: warnings about what is written and has no effect."""

from archspec.diagnostics.catalogue import Entry

ENTRIES = (
    Entry(
        "AS401",
        "a parameter is used nowhere",
        """
The value of the parameter changes nothing. Often an expression names another parameter, or a `$` is missing and the
name is read as text.
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
    ),
    Entry(
        "AS402",
        "a value is used nowhere",
        """
Nothing reads the value and it is no output, so the layers that compute it do not train: they get no gradient.
""",
        "Read it with `from`, name it in `outputs`, or leave the item out:",
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
    ),
    Entry(
        "AS403",
        "a block is used nowhere",
        """
No layer and no block that is used names the block.
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
    ),
)
