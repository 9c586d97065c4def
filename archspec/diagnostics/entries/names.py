"""AS206 to AS213: names, and what is wired to what."""

from archspec.diagnostics.catalogue import Entry

ENTRIES = (
    Entry(
        "AS206",
        "an unknown name",
        """
`from`, `outputs`, `use` and `tie` refer to a value, a module or a parameter by its name. Names are those given with
`name` (or `outputs`) in the same list, in lists around it, and the inputs. A block sees only its own.

Wires are names, so a misspelt name is a wire that leads nowhere. It is never taken for a new value.
""",
        "Correct the name, or give the item one:",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - {name: encoder, linear: 4}
  - {add: {}, from: [encodr, x]}
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - {name: encoder, linear: 4}
  - {add: {}, from: [encoder, x]}
""",
    ),
    Entry(
        "AS207",
        "a name is taken",
        """
Names are module paths, and so the keys of the `state_dict`: each is unique in its list.

Weights are stored by these names: two modules of one name would overwrite one another in the checkpoint.
""",
        "Rename one of them:",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - {name: fc, linear: 4}
  - relu
  - {name: fc, linear: 8}
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - {name: fc1, linear: 4}
  - relu
  - {name: fc2, linear: 8}
""",
    ),
    Entry(
        "AS209",
        "an unknown parameter",
        """
After `$` stands a parameter of the spec or the block, the index `i` or the element of a `repeat`, or a size of the
inputs (`$T`). A block sees its own parameters and those of the spec.

A misspelt parameter read as text, or as 0, would be another model. It is an error before anything is built.
""",
        "Correct the name or declare it in `params`:",
        """
params: {classes: 10}
inputs: {x: "float32[B, 4]"}
layers:
  - linear: $classes
  - linear: $clases
""",
        """
params: {classes: 10}
inputs: {x: "float32[B, 4]"}
layers:
  - linear: $classes
  - linear: $classes
""",
    ),
    Entry(
        "AS210",
        "the wrong number of inputs",
        """
An op or block reads a certain number of values. Left out, `from` is the one value before it.

PyTorch would take the second value for another argument, or broadcast it. Which value goes where is part of the
architecture, so it is written out.
""",
        "Name what is read, in the order of the op's inputs:",
        """
inputs: {x: "float32[B, T, 4]"}
layers:
  - linear: 4
  - attention: {num_heads: 2}
""",
        """
inputs: {x: "float32[B, T, 4]"}
layers:
  - {name: fc, linear: 4}
  - {attention: {num_heads: 2}, from: [x, fc, fc]}
""",
    ),
    Entry(
        "AS211",
        "a cycle",
        """
Two or more items read one another, so none can be computed first.

A forward pass computes each value once, from values that are there. With a circle there is no order in which it could.
""",
        "A recurrence in time is an op (`lstm`, `gru`) or a `scan`, layers one after another are a `repeat`; otherwise "
        "break the circle:",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - {name: a, add: {}, from: [x, b]}
  - {name: b, linear: 4, from: a}
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - {name: b, linear: 4}
  - {name: a, add: {}, from: [x, b]}
""",
    ),
    Entry(
        "AS212",
        "a block contains itself",
        """
A block may use blocks, though not itself, directly or by way of another.

A block is written out where it is used, and one that contains itself never ends.
""",
        "For layers one after another use `repeat`:",
        """
inputs: {x: "float32[B, 4]"}
blocks:
  Layer:
    layers: [linear: 4, Layer]
layers: [Layer]
""",
        """
inputs: {x: "float32[B, 4]"}
blocks:
  Layer:
    layers: [linear: 4]
layers:
  - {repeat: 3, Layer: {}}
""",
    ),
    Entry(
        "AS213",
        "a name is defined later",
        """
An item reads values of items before it. This name belongs to one further down.

Items are computed in the order in which they stand, as lines of a program are: a reader never has to look ahead to
know what a name is.
""",
        "Move the item up, or the one that reads it down:",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - {name: sum, add: {}, from: [x, fc]}
  - {name: fc, linear: 4, from: x}
outputs: [sum, fc]
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - {name: fc, linear: 4, from: x}
  - {name: sum, add: {}, from: [x, fc]}
outputs: [sum, fc]
""",
    ),
)
