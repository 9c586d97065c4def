"""AS3xx: sizes and dtypes that do not fit."""

from archspec.diagnostics.catalogue import Entry

ENTRIES = (
    Entry(
        "AS301",
        "the number of dimensions, or an axis",
        """
An op reads tensors with a certain number of dimensions, and an argument such as `dim` names one of them. `conv2d` reads
[N, C, H, W] (or [C, H, W]); after `flatten` there are two dimensions left.

PyTorch takes a tensor of another rank in some cases and means something else by it: [C, H, W] is one picture without a
batch. So the rank is checked before sizes are.
""",
        "Look at the trail for where a dimension was lost or added; flatten, unsqueeze or permute in the right place:",
        """
inputs: {x: "float32[B, 3, 8, 8]"}
layers:
  - flatten
  - conv2d: {out_channels: 8, kernel_size: 3}
""",
        """
inputs: {x: "float32[B, 3, 8, 8]"}
layers:
  - conv2d: {out_channels: 8, kernel_size: 3}
  - flatten
""",
    ),
    Entry(
        "AS302",
        "two sizes differ",
        """
Two sizes that must be one were proved to be different, for every value that the symbols may take. Sizes that are equal
for some values only are no error: they become a requirement on the inputs, which `archspec check` shows.

An element-wise op pairs the elements of both tensors, and a product sums over a size that both have. With different
sizes there is no such pairing; size 1 alone is repeated (broadcast), also where it is a symbol that is 1. Where that is
all that could make two sizes fit, the model would run for next to no input: this too is an error. The note says for
which values it would run, and `symbols` can promise those if they are meant.
""",
        "The trail and the labels show how each size came about: give both paths the same stride, padding or features:",
        """
inputs: {x: "float32[B, 3, 32, 32]"}
layers:
  - {name: stem, conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}
  - {name: down, conv2d: {out_channels: 8, kernel_size: 3, padding: 1, stride: 2}}
  - {add: {}, from: [down, stem]}
""",
        """
inputs: {x: "float32[B, 3, 32, 32]"}
layers:
  - {name: stem, conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}
  - {name: down, conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}
  - {add: {}, from: [down, stem]}
""",
    ),
    Entry(
        "AS303",
        "a dtype does not fit",
        """
Layers with weights want floating point, an embedding wants integers, and most ops want one dtype for all their inputs,
as in PyTorch.

PyTorch refuses most mixtures at run time, after data were loaded and memory was taken. Those that it takes it promotes
to the wider dtype, which is told in the inferred types.
""",
        "Declare the input with the dtype that the data have, or convert with `cast`. An embedding reads integers:",
        """
inputs: {tokens: "float32[B, T]"}
layers:
  - embedding: {num_embeddings: 100, embedding_dim: 16}
""",
        """
inputs: {tokens: "int64[B, T]"}
layers:
  - embedding: {num_embeddings: 100, embedding_dim: 16}
""",
    ),
    Entry(
        "AS304",
        "a size is too small, or too large",
        """
A size is smaller than the op needs: a kernel must fit into its padded input, and nothing may shrink below one. With
symbols (H, T) the least size becomes a requirement on the input; this error says that no value will do. Some ops also
have a largest size: how many results they give, or how many values they make.

An output of size 0 is no error in some ops of PyTorch: it gives empty tensors, and a loss that is not a number.
""",
        "Use a smaller kernel, fewer halvings, some padding, or a larger input:",
        """
inputs: {x: "float32[B, 3, 4, 4]"}
layers:
  - conv2d: {out_channels: 8, kernel_size: 7}
""",
        """
inputs: {x: "float32[B, 3, 4, 4]"}
layers:
  - conv2d: {out_channels: 8, kernel_size: 7, padding: 3}
""",
    ),
    Entry(
        "AS305",
        "a size is not a multiple",
        """
A size must divide evenly: features into attention heads, channels into groups, a dimension into chunks.

The parts would have different sizes. PyTorch refuses that when the module is built or run.
""",
        "Change one of the two numbers:",
        """
inputs: {x: "float32[B, T, 100]"}
layers:
  - {attention: {num_heads: 12}, from: [x, x, x]}
""",
        """
inputs: {x: "float32[B, T, 96]"}
layers:
  - {attention: {num_heads: 12}, from: [x, x, x]}
""",
    ),
    Entry(
        "AS306",
        "a size must be known",
        """
Weights have a fixed shape, so a size that they depend on must be a number before the model runs; here it is a symbol,
or computed from one. `linear` after `flatten` of a picture of any size is the common case.

The shape of a weight is fixed when the model is built, and a checkpoint stores it. A weight that follows the size of
each picture is no parameter.
""",
        "Give the input that size, or bring it to a fixed one (`adaptive_avg_pool2d`):",
        """
inputs: {x: "float32[B, 3, H, W]"}
layers:
  - flatten
  - linear: 10
""",
        """
inputs: {x: "float32[B, 3, H, W]"}
layers:
  - adaptive_avg_pool2d: 1
  - flatten
  - linear: 10
""",
    ),
    Entry(
        "AS307",
        "a reshape that cannot be",
        """
`reshape`, `unflatten` and `expand` keep the number of elements; the product of the new sizes is another one.

A reshape moves no data: it gives the same elements other indices, so there are as many as before.
""",
        "Work out one of the sizes with -1, or correct them:",
        """
inputs: {x: "float32[B, 12]"}
layers:
  - unflatten: {dim: 1, sizes: [3, 5]}
""",
        """
inputs: {x: "float32[B, 12]"}
layers:
  - unflatten: {dim: 1, sizes: [3, 4]}
""",
    ),
    Entry(
        "AS308",
        "what `symbols` promises is contradicted",
        """
`symbols` says which values a size can take. The architecture demands something that none of them satisfies.

The promise is what callers rely on and what the check builds on: requirements that it implies are not shown. If
nothing satisfies both, one of the two is wrong.
""",
        "Change the promise, or the layers that make the demand (the message names it):",
        """
inputs: {x: "float32[B, T]"}
symbols: {T: {max: 4}}
layers:
  - {unsqueeze: 1}
  - conv1d: {out_channels: 8, kernel_size: 7}
""",
        """
inputs: {x: "float32[B, T]"}
symbols: {T: {max: 4}}
layers:
  - {unsqueeze: 1}
  - conv1d: {out_channels: 8, kernel_size: 3}
""",
    ),
    Entry(
        "AS309",
        "a pattern does not fit",
        """
The pattern of `einsum` or `rearrange` names another number of dimensions than the inputs have, uses a letter for two
sizes, or has an output that its inputs do not determine.

A pattern is read letter by letter, and a letter that is bound twice to different sizes has no meaning; PyTorch and
einops refuse it at run time.
""",
        "One letter stands for one size, and every input has a term of its own:",
        """
inputs: {q: "float32[B, T, 8]", k: "float32[B, T, 8]"}
layers:
  - {einsum: "bid,bd->bi", from: [q, k]}
""",
        """
inputs: {q: "float32[B, T, 8]", k: "float32[B, T, 8]"}
layers:
  - {einsum: "bid,bjd->bij", from: [q, k]}
""",
    ),
    Entry(
        "AS310",
        "sizes too complex to decide",
        """
A symbolic size is an exact formula, and a formula may have so many terms, powers or floors inside one another that
nothing more can be proved of it. No published architecture comes near; the limit keeps a check quick whatever it is
given.

The check answers for every size at once, by exact algebra on formulas. A formula that grows without bound would keep
it busy for ever. What all decisions of a check cost together is limited too, by a count of steps that is the same on
every machine: hundreds of odd strides, each with its own demand on one symbol, end at the op that spends the last.
""",
        "Give sizes as numbers, or symbols to fewer of them:",
        """
inputs: {x: "float32[B, T]"}
blocks:
  Square:
    inputs: [x]
    layers:
      - {einsum: "bi,bj->bij", from: [x, x]}
      - flatten
layers:
  - {repeat: 6, Square: {}}
""",
        """
inputs: {x: "float32[B, 2]"}
blocks:
  Square:
    inputs: [x]
    layers:
      - {einsum: "bi,bj->bij", from: [x, x]}
      - flatten
layers:
  - {repeat: 4, Square: {}}
""",
    ),
)
