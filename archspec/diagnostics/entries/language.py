"""AS2xx: YAML that is no spec."""

from archspec.diagnostics.catalogue import Entry

ENTRIES = (
    Entry(
        "AS201",
        "an unknown key",
        """
The spec, a block, an item or a section has no such key.

A key that nothing reads would be ignored in silence, and so would what it was to set: a misspelt `outputs` is another
model.
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

A spec names no Python path, so that reading one never runs code that it brings along. A closed list of ops is also
what makes every shape checkable.
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

What is inferred is written nowhere else, so it cannot contradict the layer before it when that changes. Any other name
is a setting that would be lost.
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

There is no value that would be right for every model, and a silent choice would be found only after training.
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

PyTorch takes many such values and fails later, at another place, or not at all: a text is true, `kernel_size: -1`
fails when the model is built. Here it is found in the line that says it.
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
        "AS208",
        "an expression cannot be computed",
        """
`$(…)` holds numbers, texts, lists, names, arithmetic, comparisons, `and or not`, `x if c else y`, indexing,
attributes of a record, and the functions `min max abs len ceil floor round sqrt exp log sum range zip`. It is evaluated
on its syntax tree, bounded in size; nothing else can be called.

Specs come from strangers, so an expression can compute sizes and choices and do nothing else: no attribute leads out
of it, and its cost is bounded.
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
        "AS214",
        "an item has exactly one op or block",
        """
An item is an op's name (`- relu`), or a mapping with one op or block and any of the common keys: `name`, `from`,
`outputs`, `repeat`, `when`, `tie`, `doc`. This one has none, or several.

An item is one step of the chain. With two ops in one item there is no telling which of them comes first, or which one
the name belongs to.
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
What expressions build of lists, and how often a block is called with other types, is bounded for a whole spec too.

A count is quickly written and long to build: `repeat: 1000000` would fill the memory of whoever opens the file. The
bounds are far above any published network.
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

A later version may give a key another meaning. To read such a spec by today's rules could build another model without
a word.
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

Everything that is checked starts from the types of the inputs, so they have to be exact: `float` is float32 for one
reader and float64 for another.
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

The names are taken in order. One too many would name nothing, and what reads it would have no value.
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

Ignored, the setting would be lost: the run would be one with the old value, under the new value's name.
""",
        "Correct the name; the message lists the parameters there are. An entry of a record is `--set stage.width=64`.",
        """
archspec: 1
name: classifier
params: {classes: 10}
inputs: {x: "float32[B, 4]"}
layers:
  - linear: $classes
""",
        command="archspec check model.yaml --set clases=5",
        fixed="archspec check model.yaml --set classes=5",
    ),
)
