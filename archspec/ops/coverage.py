"""What of torch.nn and torch.nn.functional is an op, under which name, and why the rest is none.

A counterpart of an op, and a function of an op's own name, need no entry. `*` stands for any letters.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from archspec.ops.registry import all_ops

NAMESPACES = ("torch.nn", "torch.nn.functional")

# The op that says what this name of PyTorch's says.
SAID_BY: dict[str, dict[str, str]] = {
    "torch.nn": {
        "pad": "CircularPad* ConstantPad* ReflectionPad* ReplicationPad* ZeroPad*",
        "interpolate": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
        "local_response_norm": "CrossMapLRN2d",
        "cosine_similarity": "CosineSimilarity",
        "pairwise_distance": "PairwiseDistance",
        "unflatten": "Unflatten",
        "buffer": "Buffer",
    },
    "torch.nn.functional": {
        "log_sigmoid": "logsigmoid",
        "interpolate": "upsample upsample_bilinear upsample_nearest",
        "attention": "scaled_dot_product_attention",
        "multihead_attention": "multi_head_attention_forward",
        "channel_shuffle": "native_channel_shuffle",
        "batch_norm2d": "batch_norm",
        "instance_norm2d": "instance_norm",
        "max_pool1d": "max_pool1d_with_indices",
        "max_pool2d": "max_pool2d_with_indices",
        "max_pool3d": "max_pool3d_with_indices",
        "adaptive_max_pool1d": "adaptive_max_pool1d_with_indices",
        "adaptive_max_pool2d": "adaptive_max_pool2d_with_indices",
        "adaptive_max_pool3d": "adaptive_max_pool3d_with_indices",
        "fractional_max_pool2d": "fractional_max_pool2d_with_indices",
        "fractional_max_pool3d": "fractional_max_pool3d_with_indices",
    },
}

# Why a name is no op.
NOT_OPS: dict[str, dict[str, str]] = {
    "torch.nn": {
        "a loss, which belongs to `train.loss`": "*Loss NLLLoss2d AdaptiveLogSoftmaxWithLoss LinearCrossEntropyOptions",
        "sizes are inferred for every op, so that nothing need be lazy":
            "Lazy* UninitializedBuffer UninitializedParameter",
        "structure, which the language has: blocks, `sequence`, `repeat`, `parallel`":
            "Module ModuleDict ModuleList ParameterDict ParameterList Sequential Container",
        "`repeat` of the layer of its kind, and `layer_norm`": "TransformerEncoder TransformerDecoder",
        "a base class": "RNNBase RNNCellBase",
        "how a model is run, which belongs to `runtime`": "DataParallel SyncBatchNorm",
        "a helper of PyTorch's own": "factory_kwargs",
    },
    "torch.nn.functional": {
        "a loss, which belongs to `train.loss`":
            "*_loss binary_cross_entropy* cross_entropy kl_div linear_cross_entropy",
        "writes into its input, which no op does; the op without `_` says the same": "*_",
        "`conv1d` between two `transpose`": "conv_tbc",
        "for scaled and quantised numbers, which the language has no dtypes for": "scaled_mm scaled_grouped_mm",
        "a product whose sizes lie in a tensor; `matmul` of stacked matrices says it": "grouped_mm",
        "a helper of PyTorch's own": "assert_int_or_pair boolean_dispatch handle_torch_function has_torch_function*",
    },
}  # fmt: skip


def _matches(name: str, patterns: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns.split())


def said_by(namespace: str, name: str) -> str | None:
    """The op that says what `namespace.name` says; None if there is none."""
    for op, patterns in SAID_BY[namespace].items():
        if _matches(name, patterns):
            return op
    for op_name, cls in all_ops().items():
        if cls.counterpart == f"{namespace}.{name}":
            return op_name
    functions = namespace == "torch.nn.functional"
    return name if functions and name in all_ops() and reason(namespace, name) is None else None


def reason(namespace: str, name: str) -> str | None:
    """Why `namespace.name` is no op; None if nothing is said of it."""
    return next((why for why, patterns in NOT_OPS[namespace].items() if _matches(name, patterns)), None)
