"""AS405 to AS419: warnings about what a spec says, and may not have meant."""

from archspec.diagnostics.catalogue import Entry

ENTRIES = (
    Entry(
        "AS405",
        "a name of the spec is hidden",
        """
A block has a parameter with a default, called as a parameter of the spec is, and is called here without it: it takes
its own default. Or a `repeat` gives the name another meaning: with `as`, or as `$i`, the number of the turn.

One name stands for two values, and a reader expects the other one: `--set dim=512` would change the spec and not the
block. A block that is given the parameter, requires it, or reads the spec's in its default is no case of it.
""",
        "Hand the spec's value on, or rename one of the two:",
        """
params: {dim: 64}
inputs: {x: "float32[B, 4]"}
blocks:
  Head: {params: {dim: 8}, layers: [linear: $dim]}
layers:
  - linear: $dim
  - Head
""",
        """
params: {dim: 64}
inputs: {x: "float32[B, 4]"}
blocks:
  Head: {params: {dim: 8}, layers: [linear: $dim]}
layers:
  - linear: $dim
  - Head: {dim: $dim}
""",
        warning=True,
    ),
    Entry(
        "AS406",
        "a word or number that YAML 1.1 reads otherwise",
        """
A spec is YAML 1.2: `no`, `yes`, `on` and `off` are text, `0777` is seven hundred and seventy-seven, `12:30` and
`1_000` are text. By YAML 1.1 they are false, true, true and false, the octal number 511, the number 750 of base 60,
and one thousand.

Many tools still read YAML 1.1, PyYAML among them, and so do people: another program would see another spec. `y` and
`n`, which hardly any reader takes for booleans, are left alone.
""",
        "Put text between quotes, and write numbers as they are meant:",
        """
params: {mode: off, width: 10}
inputs: {x: "float32[B, 4]"}
layers:
  - {when: $(mode != "off"), relu: {}}
  - linear: $width
""",
        """
params: {mode: "off", width: 10}
inputs: {x: "float32[B, 4]"}
layers:
  - {when: $(mode != "off"), relu: {}}
  - linear: $width
""",
        warning=True,
    ),
    Entry(
        "AS407",
        "a value that is left out stands for another",
        """
An item that `when` leaves out is its first input. Here it is named for an input that need not be given, and its first
input is what the item reads besides: the same value is read twice, where the optional one was to be missing, it seems.

Networks where the shapes go together either way compute something else, and nothing else tells of it. null stands for
an input that is not given, and may be what an expression comes to.
""",
        "Say what is read by what the `when` says; or give the item that may be left out the optional value first:",
        """
params: {masked: false}
inputs: {x: "float32[B, T, 8]"}
blocks:
  Weigh:
    inputs: [x, weights?]
    layers:
      - {when: $weights, mul: {}, from: [x, weights]}
layers:
  - {name: weights, when: $masked, sigmoid: {}}
  - {Weigh: {}, from: [x, weights]}
""",
        """
params: {masked: false}
inputs: {x: "float32[B, T, 8]"}
blocks:
  Weigh:
    inputs: [x, weights?]
    layers:
      - {when: $weights, mul: {}, from: [x, weights]}
layers:
  - {name: weights, when: $masked, sigmoid: {}}
  - {Weigh: {}, from: [x, "$('weights' if masked else null)"]}
""",
        warning=True,
    ),
    Entry(
        "AS410",
        "an item with weights has no name",
        """
Items without a name are called after their op, with a number where there are several (`conv2d_1`), or after their
place in a list in which nothing is named (`3`). The keys of the weights follow: `conv2d_1.weight`. In a `sequence` the
place is the name, as in `nn.Sequential`, and is not warned of.

Such a name is that of another item as soon as one is put in before it, and weights that were stored are then loaded
into the wrong place, or not at all. Some projects want every name written down for that reason; others do not, so this
warning is given only with `--strict-names` (or `--select AS410`).
""",
        "Give the item a name; `--fix` writes the one that it has:",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - {name: encoder, linear: 8}
  - linear: 10
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - {name: encoder, linear: 8}
  - {name: linear, linear: 10}
""",
        warning=True,
        command="archspec check --strict-names model.yaml",
    ),
    Entry(
        "AS411",
        "a bias before a norm that takes it out",
        """
A convolution or `linear` adds a learned constant to each channel, and the batch or instance normalisation right behind
it subtracts the mean of each channel, the constant with it.

The bias costs memory and time and gets no gradient; what shifts the channels is the norm's own bias. Published
networks have such biases now and then, and their weights need them: there the warning is ignored in the spec.
""",
        "Leave the bias out. Weights that were stored with it then have one entry too many:",
        """
inputs: {x: "float32[B, 3, H, W]"}
layers:
  - {name: conv, conv2d: {out_channels: 8, kernel_size: 3}}
  - {name: norm, batch_norm2d: {}}
""",
        """
inputs: {x: "float32[B, 3, H, W]"}
layers:
  - {name: conv, conv2d: {out_channels: 8, kernel_size: 3, bias: false}}
  - {name: norm, batch_norm2d: {}}
""",
        warning=True,
    ),
    Entry(
        "AS412",
        "rows or columns that no window reads",
        """
The windows of a convolution or pooling go over the input in steps, and the last one ends before the input does. It is
said where the sizes are known, or where the promises of `symbols` leave no other case; not for sizes that may or may
not fit, nor for windows that are smaller than their step, which are meant to skip.

PyTorch drops the rest without a word: pixels at the right and bottom edges have no influence on the result, and a
decoder that doubles the size again ends up one short.
""",
        "Pad, give the input another size, or let a pooling keep its last window, if the rows count:",
        """
inputs: {image: "float32[B, 1, 13, 13]"}
layers:
  - max_pool2d: 2
""",
        """
inputs: {image: "float32[B, 1, 13, 13]"}
layers:
  - max_pool2d: {kernel_size: 2, ceil_mode: true}
""",
        warning=True,
    ),
    Entry(
        "AS413",
        "an activation right after another",
        """
An activation reads what an activation gave, and either changes nothing (`relu` of what is never below 0) or is the
same one again.

One of the two is a leftover, and often a layer between them has been lost; where both are meant, a reader will doubt
it.
""",
        "Leave one of them out, or put back what stood between them:",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
  - relu
  - relu
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
  - relu
""",
        warning=True,
    ),
    Entry(
        "AS414",
        "an op that is of no use",
        """
With the arguments that are written the op does nothing (`dropout: 0`), or leaves nothing over (`dropout: 1`). A value
that comes from a parameter is not meant: it may be another one tomorrow.

It is a layer to read, to number and to call, for nothing; with p = 1 all that is behind it learns nothing.
""",
        "Leave the item out, or give another value:",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
  - dropout: 0
  - linear: 2
""",
        """
inputs: {x: "float32[B, 4]"}
layers:
  - linear: 8
  - dropout: 0.1
  - linear: 2
""",
        warning=True,
    ),
)
