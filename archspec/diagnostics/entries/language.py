"""AS2xx: YAML that is no spec."""

from archspec.diagnostics.catalogue import Entry

ENTRIES = (
    Entry(
        "AS201",
        "an unknown key",
        """
Keys that mean nothing are refused, because a misspelt one would be ignored in silence.
""",
        "The help of the message names the nearest key:",
        """
inputs: {x: "float32[B, 4]"}
layer:
  - linear: 8
layers:
  - relu
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
  - relu
""",
    ),
    Entry(
        "AS202",
        "an unknown op or block",
        """
An item names an op of the closed registry (`archspec ops` lists it), or a block of this spec. Ops are called as PyTorch
calls them, in snake_case; blocks in CamelCase.
""",
        "Correct the name, or define the block under `blocks`:",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - Dense: 8
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
""",
    ),
    Entry(
        "AS203",
        "an unknown argument",
        """
The op or block has no such argument. What can be inferred is not an argument at all: `in_channels`, `in_features` and
`normalized_shape` come from the input.
""",
        "Leave it out, or use the argument's name in PyTorch (`archspec ops conv2d` lists them):",
        """
inputs: {x: "float32[B, 3, 8, 8]"}
layers:
  - conv2d: {in_channels: 3, out_channels: 8, kernel_size: 3}
""",
        """
inputs: {x: "float32[B, 3, 8, 8]"}
layers:
  - conv2d: {out_channels: 8, kernel_size: 3}
""",
    ),
    Entry(
        "AS204",
        "something is missing",
        """
An argument, key or parameter that has no default is not given.
""",
        "Give it; the message says what kind of value it takes:",
        """
inputs: {x: "float32[B, 3, 8, 8]"}
layers:
  - conv2d: {out_channels: 8}
""",
        """
inputs: {x: "float32[B, 3, 8, 8]"}
layers:
  - conv2d: {out_channels: 8, kernel_size: 3}
""",
    ),
    Entry(
        "AS205",
        "a value of the wrong kind",
        """
The value is of another type than wanted, out of bounds, or contradicts another argument. YAML 1.2 reads `no`, `yes`,
`on` and `off` as text: booleans are `true` and `false`.
""",
        "The message says what is expected:",
        """
inputs: {x: "float32[B, 3, 8, 8]"}
layers:
  - conv2d: {out_channels: 8, kernel_size: 3, bias: no}
""",
        """
inputs: {x: "float32[B, 3, 8, 8]"}
layers:
  - conv2d: {out_channels: 8, kernel_size: 3, bias: false}
""",
    ),
    Entry(
        "AS206",
        "an unknown name",
        """
`from`, `outputs`, `use` and `tie` refer to a value, a module or a parameter by its name. Names are those given with
`name` (or `outputs`) in the same list, in lists around it, and the inputs. A block sees only its own.
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
        "AS208",
        "an expression cannot be computed",
        """
`$(…)` holds numbers, texts, lists, names, arithmetic, comparisons, `and or not`, `x if c else y`, indexing,
attributes of a record, and the functions `min max abs len ceil floor round sum range`. It is evaluated on its syntax
tree, bounded in size; nothing else can be called.
""",
        "The message points to the place inside the expression:",
        """
params: {dim: 12}
inputs: {x: "float32[B, 4]"}
layers:
  - linear: $(dim * * 2)
""",
        """
params: {dim: 12}
inputs: {x: "float32[B, 4]"}
layers:
  - linear: $(dim * 2)
""",
    ),
    Entry(
        "AS209",
        "an unknown parameter",
        """
After `$` stands a parameter of the spec or the block, the index `i` or the element of a `repeat`, or a size of the
inputs (`$T`). A block sees its own parameters and those of the spec.
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
""",
        "A recurrence in time is an op (`lstm`, `gru`), or a `repeat`; otherwise break the circle:",
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
A block may use blocks, though not itself, directly or by way of another: the model would have no end.
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
    Entry(
        "AS214",
        "an item has exactly one op or block",
        """
An item is an op's name (`- relu`), or a mapping with one op or block and any of the common keys: `name`, `from`,
`outputs`, `repeat`, `when`, `tie`, `doc`. This one has none, or several.
""",
        "Each op is an item of its own:",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
    relu:
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
  - relu
""",
    ),
    Entry(
        "AS215",
        "an expansion is too large",
        """
A repeat has at most 10,000 turns and a model at most 1,000,000 layers, blocks and repeats written out, nested 60 deep.
""",
        "Lower the count:",
        """
params: {depth: 100000}
inputs: {x: "float32[B, 4]"}
layers:
  - {repeat: $depth, linear: 4}
""",
        """
params: {depth: 100}
inputs: {x: "float32[B, 4]"}
layers:
  - {repeat: $depth, linear: 4}
""",
    ),
    Entry(
        "AS216",
        "a version that is not known",
        """
`archspec: 1` says for which version of the language the spec is written. This archspec does not read that one.
""",
        "Write `archspec: 1`, or install the archspec that the spec was written for:",
        """
archspec: 7
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
""",
        """
archspec: 1
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
""",
    ),
    Entry(
        "AS217",
        "a type text cannot be read",
        """
A type is a dtype by its PyTorch name and the sizes in brackets: `float32[B, 3, H, W]`. A name that begins with a
capital is a symbol, `$name` a parameter, and sizes may be computed (`H // 2`, `$(2 * k)`).
`float32[]` is a single number.
""",
        "Follow the help of the message:",
        """
inputs: {x: "float[B, 4]"}
layers:
  - linear: 8
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
""",
    ),
    Entry(
        "AS218",
        "an op with several results",
        """
`lstm`, `chunk`, `split` and the like give several results. `outputs` on the item names them in order, and it names no
more than there are; the chain goes on with the first.
""",
        "Name as many as there are:",
        """
inputs: {x: "float32[B, T, 8]"}
layers:
  - gru: {hidden_size: 8, batch_first: true}
    outputs: [sequence, hidden, cell]
outputs: [sequence, hidden]
""",
        """
inputs: {x: "float32[B, T, 8]"}
layers:
  - gru: {hidden_size: 8, batch_first: true}
    outputs: [sequence, hidden]
outputs: [sequence, hidden]
""",
    ),
    Entry(
        "AS219",
        "an override of something that is not there",
        """
`--set name=value`, or an override in a file that `extends` another, names a parameter that the spec does not have.
""",
        "`archspec check` of the spec alone lists its parameters; a part of a list is `--set depths.0=2`.",
    ),
)
