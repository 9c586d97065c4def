"""AS7xx: parameters by name, and the files that their values come from."""

from archspec.diagnostics.catalogue import Entry

_HEADER = '{"fc.weight":\n{"dtype":"F32","shape":[3,1],"data_offsets":[0,12]}}'
# A whole safetensors file: the length of the header in eight bytes, the header, the data.
_FILE = chr(len(_HEADER)) + 7 * "\0" + _HEADER + 12 * "\0"

ENTRIES = (
    Entry(
        "AS701",
        "a pattern matches no parameter",
        """
A pattern (of `freeze`, `init`, the optimizer's `groups`, a rule of `weights`) chooses parameters by their names in
`state_dict()`, and this one chooses none.

A pattern that chooses nothing is a slip: what it was written for would silently stay as it is.
""",
        "`archspec weights SPEC FILE --all` lists the names. A module's name means all that is in it; `*` is any run "
        "of characters, dots too. The help names the nearest:",
        """
archspec: 1
name: classifier
inputs: {x: "float32[B, 16]"}
layers:
  - {name: body, sequence: [linear: 32, relu]}
  - {name: head, linear: 10}
weights: {fresh: haed}
""",
        """
archspec: 1
name: classifier
inputs: {x: "float32[B, 16]"}
layers:
  - {name: body, sequence: [linear: 32, relu]}
  - {name: head, linear: 10}
weights: {fresh: head}
""",
    ),
    Entry(
        "AS702",
        "a file of weights cannot be used",
        """
A file that `weights` names is not there, is damaged, or is of a kind that is not read. Paths start from the file that
names them.

Files of weights come from strangers. Of a safetensors file the whole header is checked before anything is loaded: that
every tensor has the bytes that its shape needs, that none overlap, that the file is whole. Files of torch.save (.pt,
.pth, .bin, .ckpt) are read with `torch.load(weights_only=True)` and nothing else, so that loading one runs no code.
""",
        "Where a .pt file holds more than tensors and you trust it, save its `state_dict()` anew. A spec that starts "
        "from its initialisation needs no `weights`:",
        """
archspec: 1
name: classifier
inputs: {x: "float32[B, 16]"}
layers: [{name: fc, linear: 10}]
weights: no/such/file.safetensors
""",
        """
archspec: 1
name: classifier
inputs: {x: "float32[B, 16]"}
layers: [{name: fc, linear: 10}]
""",
    ),
    Entry(
        "AS703",
        "the weights do not fit the model",
        """
A tensor of the model is not in the file, one of the file has no place in the model, or the two differ in shape or in
their kind of dtype; or values are not finite, or two that are one tensor here differ in the file.

A checkpoint that is loaded by half is a model that seems to work. So nothing is loaded until all of it fits, or is said
not to matter.
""",
        "`archspec weights SPEC FILE` says of every tensor what becomes of it. Other names: `rename`. What the model "
        "does not need: `ignore`. Fused or transposed matrices: `split`, `concat`, `transpose`. To take what fits and "
        "leave the rest as it is initialised: `strict: false`. A new head is `fresh`:",
        """
archspec: 1
name: classifier
inputs: {x: "float32[B, 1]"}
layers: [{name: fc, linear: {out_features: 4, bias: false}}]
weights: {file: trained.safetensors}
""",
        """
archspec: 1
name: classifier
inputs: {x: "float32[B, 1]"}
layers: [{name: fc, linear: {out_features: 4, bias: false}}]
weights: {file: trained.safetensors, fresh: fc}
""",
        files={"trained.safetensors": _FILE},
    ),
    Entry(
        "AS704",
        "an initialiser cannot fill a parameter",
        """
A rule of `init` matches a parameter that its initialiser does not suit: `xavier_uniform` needs the two sizes of a
matrix, and a bias or the weight of a norm has one; `dirac` wants the dimensions of a convolution.

PyTorch would refuse it as the model is built, without a word of which parameter it was and why it was meant.
""",
        "Match fewer parameters, by a narrower pattern or by op:",
        """
archspec: 1
name: classifier
inputs: {x: "float32[B, 16]"}
layers: [{name: fc, linear: 32}, {name: norm, layer_norm: {}}]
init: {"*.weight": xavier_uniform}
""",
        """
archspec: 1
name: classifier
inputs: {x: "float32[B, 16]"}
layers: [{name: fc, linear: 32}, {name: norm, layer_norm: {}}]
init: {linear: {weight: xavier_uniform}}
""",
    ),
)
