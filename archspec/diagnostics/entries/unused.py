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
        warning=True,
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
        warning=True,
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
        warning=True,
    ),
    Entry(
        "AS404",
        "a comment ignores a warning that is not there",
        """
`# archspec: ignore[AS401]` says that a warning of its line is meant; standing alone, it speaks of the line below it,
and as `ignore-file[AS401]` of the whole file. There is no such warning here (any more): the comment would hide one that
appears later. Errors cannot be ignored.
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
