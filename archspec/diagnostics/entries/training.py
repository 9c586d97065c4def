"""AS5xx: the `train` and `runtime` sections, held against the architecture before anything runs."""

from archspec.diagnostics.catalogue import Entry

ENTRIES = (
    Entry(
        "AS501",
        "an unknown data set, loss, metric, optimizer or schedule",
        """
`train` names its parts from a closed list, as layers name their ops.

A closed list is what lets the parts be checked before training begins, and keeps a spec from running code.
""",
        "The help of the message names the nearest; `docs/training.md` lists them all.",
        """
inputs: {image: "float32[B, 1, 8, 8]"}
layers: [flatten, {name: fc, linear: 10}]
outputs: {logits: fc}
train:
  data: digits
  loss: {cross_entropi: {input: logits, target: label}}
  optimizer: {adamw: {lr: 1e-3}}
  epochs: 5
  batch_size: 64
""",
        """
inputs: {image: "float32[B, 1, 8, 8]"}
layers: [flatten, {name: fc, linear: 10}]
outputs: {logits: fc}
train:
  data: digits
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: {adamw: {lr: 1e-3}}
  epochs: 5
  batch_size: 64
""",
    ),
    Entry(
        "AS502",
        "the data do not fit the model's inputs",
        """
What the data set gives and what the model reads differ in their fields, dtypes or sizes, or a size of the data breaks
a requirement of the architecture (`H % 32 == 0`).

It is found here and not after the first batch was loaded; and data that fit by chance (the channels last, where the
model reads height) would train without a word.
""",
        "Change the input's declared type, or convert the data. Digits have one channel:",
        """
inputs: {image: "float32[B, 3, 8, 8]"}
layers: [flatten, {name: fc, linear: 10}]
outputs: {logits: fc}
train:
  data: digits
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: {adamw: {lr: 1e-3}}
  epochs: 5
  batch_size: 64
""",
        """
inputs: {image: "float32[B, 1, 8, 8]"}
layers: [flatten, {name: fc, linear: 10}]
outputs: {logits: fc}
train:
  data: digits
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: {adamw: {lr: 1e-3}}
  epochs: 5
  batch_size: 64
""",
    ),
    Entry(
        "AS503",
        "a loss or metric does not fit the model's outputs",
        """
A loss compares an output of the model with a field of the data. Their shapes and dtypes must suit it: a cross entropy
reads as many scores as there are classes. As a warning: the loss runs, though surely not as meant.

A loss reads other shapes than it was meant to without complaint, by broadcasting: a mean squared error of [B, 1]
against [B] compares every sample with every other one.
""",
        "Name another output or field, or give the last layer the right size. There are ten digits:",
        """
inputs: {image: "float32[B, 1, 8, 8]"}
layers: [flatten, {name: fc, linear: 5}]
outputs: {logits: fc}
train:
  data: digits
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: {adamw: {lr: 1e-3}}
  epochs: 5
  batch_size: 64
""",
        """
inputs: {image: "float32[B, 1, 8, 8]"}
layers: [flatten, {name: fc, linear: 10}]
outputs: {logits: fc}
train:
  data: digits
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: {adamw: {lr: 1e-3}}
  epochs: 5
  batch_size: 64
""",
        warning=True,
    ),
    Entry(
        "AS504",
        "a data file cannot be used",
        """
A file or folder named in `train.data` is not there, cannot be read, or does not hold what its kind of data says. Paths
are looked up beside the spec.

It is looked at before anything is built, so that a long start does not end in a misspelt path.
""",
        "Check the path, and the argument that the message points to. Data that come with the package need no file:",
        """
inputs: {image: "float32[B, 1, 8, 8]"}
layers: [flatten, {name: fc, linear: 10}]
outputs: {logits: fc}
train:
  data: {npz: {path: no/such/file.npz}}
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: {adamw: {lr: 1e-3}}
  epochs: 5
  batch_size: 64
""",
        """
inputs: {image: "float32[B, 1, 8, 8]"}
layers: [flatten, {name: fc, linear: 10}]
outputs: {logits: fc}
train:
  data: digits
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: {adamw: {lr: 1e-3}}
  epochs: 5
  batch_size: 64
""",
    ),
    Entry(
        "AS505",
        "training cannot go on",
        """
The loss became infinite or not a number, memory ran out, a sample could not be read while training, or this machine
cannot do what `runtime` asks for: it has no such device, or PyTorch has no half precision for something of the model.

A loss that is not finite never becomes finite again: every weight that it touches is lost. So the run stops at once,
names the step, and keeps the weights of its last good epoch.
""",
        "For memory: a smaller `runtime.micro_batch_size`, or `runtime: {precision: bf16}`. For what has no half "
        "precision: `to: float32` before it, or its block in `runtime.precision.float32`. For a loss that is not "
        "finite: data without infinite or missing values, a `schedule` with `warmup`, `clip_grad_norm: 1.0`, or a "
        "smaller learning rate:",
        """
archspec: 1
name: classifier
inputs: {image: "float32[B, 1, 8, 8]"}
layers: [flatten, {name: fc, linear: 10}]
outputs: {logits: fc}
train:
  data: digits
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: {sgd: {lr: 1e38}}
  epochs: 5
  batch_size: 64
""",
        """
archspec: 1
name: classifier
inputs: {image: "float32[B, 1, 8, 8]"}
layers: [flatten, {name: fc, linear: 10}]
outputs: {logits: fc}
train:
  data: digits
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: {sgd: {lr: 1e-2}}
  epochs: 5
  batch_size: 64
""",
        command="archspec train model.yaml",
        output="error[AS505]: the loss is inf at step 2 (epoch 1): try a smaller learning rate, `clip_grad_norm`, or "
        "look for bad values in the data",
    ),
    Entry(
        "AS506",
        "a loss after an activation that it takes itself",
        """
`cross_entropy` takes the softmax of what it reads, and `bce_with_logits` the sigmoid: they are given scores. `nll` and
`kl_div` read logarithms of probabilities. Here the model ends with a softmax or sigmoid that does not go with its loss.

Nothing fails: the softmax of a softmax is nearly the same for all classes, so the gradients are small, the loss stays
high, and training is slow and ends badly.
""",
        "Give back the scores; metrics read them as well:",
        """
inputs: {image: "float32[B, 1, 8, 8]"}
layers: [flatten, linear: 10, {name: p, softmax: 1}]
outputs: {probabilities: p}
train:
  data: digits
  loss: {cross_entropy: {target: label}}
  optimizer: {adamw: {lr: 1e-3}}
  epochs: 5
  batch_size: 64
""",
        """
inputs: {image: "float32[B, 1, 8, 8]"}
layers: [flatten, {name: fc, linear: 10}]
outputs: {scores: fc}
train:
  data: digits
  loss: {cross_entropy: {target: label}}
  optimizer: {adamw: {lr: 1e-3}}
  epochs: 5
  batch_size: 64
""",
        warning=True,
    ),
    Entry(
        "AS507",
        "the model cannot be shared out as `runtime.parallel` says",
        """
Processes that share a model need parts of equal size (attention heads, features), a gradient of every parameter they
wait for, and kinds of parallelism that PyTorch takes together.

Found when the processes are already running, such a fault ends in an error on one machine and in endless waiting on the
others; the graph tells it beforehand.
""",
        "Give the model a number of heads that the processes can share evenly, or take fewer processes:",
        """
inputs: {image: "float32[B, 1, 8, 8]"}
layers:
  - flatten
  - {name: up, linear: 250}
  - relu
  - {name: down, linear: 10}
outputs: {logits: down}
train:
  data: digits
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: {adamw: {lr: 1e-3}}
  epochs: 5
  batch_size: 64
runtime: {parallel: {tensor: 4}}
""",
        """
inputs: {image: "float32[B, 1, 8, 8]"}
layers:
  - flatten
  - {name: up, linear: 256}
  - relu
  - {name: down, linear: 10}
outputs: {logits: down}
train:
  data: digits
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: {adamw: {lr: 1e-3}}
  epochs: 5
  batch_size: 64
runtime: {parallel: {tensor: 4}}
""",
    ),
    Entry(
        "AS508",
        "`runtime` names a block or module that the model does not have",
        """
What computes in float32 all the same, what is compiled alone and whose activations are computed again is named by block
(`Attention`), by op (`layer_norm`) or by a pattern of module paths (`layers.0`, `*.norm`).

A name that nothing has would silently change nothing, and the run would need more time or memory than was meant.
""",
        "The help of the message says the nearest name; `archspec show` lists the paths.",
        """
inputs: {image: "float32[B, 1, 8, 8]"}
layers:
  - flatten
  - {name: fc, linear: 10}
  - {name: norm, layer_norm: {}}
outputs: {logits: norm}
train:
  data: digits
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: {adamw: {lr: 1e-3}}
  epochs: 5
  batch_size: 64
runtime: {precision: {default: bf16, float32: [nrom]}}
""",
        """
inputs: {image: "float32[B, 1, 8, 8]"}
layers:
  - flatten
  - {name: fc, linear: 10}
  - {name: norm, layer_norm: {}}
outputs: {logits: norm}
train:
  data: digits
  loss: {cross_entropy: {input: logits, target: label}}
  optimizer: {adamw: {lr: 1e-3}}
  epochs: 5
  batch_size: 64
runtime: {precision: {default: bf16, float32: [norm]}}
""",
    ),
)
