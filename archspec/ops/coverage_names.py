"""The names of PyTorch's that are no op of their own: which op says the same, or why none does.

Tables of `coverage.py`: {namespace: {op: patterns}} and {namespace: {reason: patterns}}; `*` stands for any letters.
"""

from __future__ import annotations

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
    "torch": {
        "abs": "absolute",
        "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan",
        "atan2": "arctan2", "atanh": "arctanh",
        "neg": "negative", "identity": "positive clone", "trunc": "fix", "conj": "conj_physical",
        "mul": "multiply", "sub": "subtract", "div": "divide floor_divide true_divide",
        "clamp": "clamp_max clamp_min clip",
        "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
        "concat": "concatenate hstack vstack row_stack column_stack dstack",
        "tensor_split": "hsplit vsplit dsplit",
        "split": "split_with_sizes unsafe_split unsafe_split_with_sizes", "chunk": "unsafe_chunk",
        "transpose": "adjoint swapaxes swapdims t", "movedim": "moveaxis", "flatten": "ravel",
        "expand": "broadcast_to", "unsqueeze": "atleast_1d atleast_2d atleast_3d",
        "flip": "fliplr flipud", "diagonal": "diag", "diag_embed": "diagflat",
        "matmul": "mm bmm mv dot vdot chain_matmul", "einsum": "inner tensordot", "outer": "ger",
        "inv": "inverse", "pinv": "pinverse", "multigammaln": "mvlgamma",
        "norm": "frobenius_norm native_norm", "matrix_norm": "nuclear_norm",
        "trapezoid": "trapz", "sort": "msort",
        "pad": "constant_pad_nd", "affine_grid": "affine_grid_generator",
        "grid_sample": "grid_sampler grid_sampler_2d grid_sampler_3d",
        "batch_norm2d": "batch_norm native_batch_norm", "instance_norm2d": "instance_norm",
        "group_norm": "native_group_norm", "layer_norm": "native_layer_norm", "dropout": "native_dropout",
        "alpha_dropout": "feature_dropout", "channel_shuffle": "native_channel_shuffle",
        "functional_conv2d": "convolution", "max_pool1d": "max_pool1d_with_indices",
        "rnn": "rnn_relu rnn_tanh", "rnn_cell": "rnn_relu_cell rnn_tanh_cell",
        "rand": "rand_like", "randn": "randn_like", "randint": "randint_like",
        "zeros": "zeros_like", "ones": "ones_like", "full": "full_like fill scalar_tensor", "arange": "range",
    },
    "torch.fft": {},
    "torch.linalg": {
        "matmul": "multi_dot","norm": "vector_norm",
    },
    "torch.special": {
        "sigmoid": "expit", "digamma": "psi", "lgamma": "gammaln",
        "i0": "modified_bessel_i0", "i1": "modified_bessel_i1",
    },
    "torch.signal.windows": {
        "bartlett_window": "bartlett", "blackman_window": "blackman", "hamming_window": "hamming general_hamming",
        "hann_window": "hann", "kaiser_window": "kaiser",
    },
    "torch.Tensor": {
        "to": "bfloat16 bool byte cdouble cfloat char double float half int long short type type_as",
        "reshape": "reshape_as view view_as", "expand": "expand_as", "tile": "repeat",
        "zeros": "new_zeros", "ones": "new_ones", "full": "new_full",
    },
    "torch.nn.utils": {},
    "torch.nn.utils.rnn": {},
}  # fmt: skip

_IN_PLACE = "writes into its input, which no op does; the op without `_` says the same"
_QUANTISED = "for quantised numbers, which the language has no dtypes for"
_SPARSE = "for sparse tensors, which the language has no types for"
_NO_GRADIENT = "PyTorch has no derivative of it, so nothing before it could learn"

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
        _IN_PLACE: "*_",
        "`conv1d` between two `transpose`": "conv_tbc",
        "for scaled and quantised numbers, which the language has no dtypes for": "scaled_mm scaled_grouped_mm",
        "a product whose sizes lie in a tensor; `matmul` of stacked matrices says it": "grouped_mm",
        "a helper of PyTorch's own": "assert_int_or_pair boolean_dispatch handle_torch_function has_torch_function*",
    },
    "torch": {
        _IN_PLACE: "*_",
        "a loss, which belongs to `train.loss`":
            "*_loss binary_cross_entropy_with_logits kl_div",
        "how large its result is lies in the numbers, so its shape is not known before they are":
            "nonzero argwhere masked_select unique unique_consecutive bincount",
        "how many rows are filled lies in the numbers; `topk` of the mask gives as many":
            "nonzero_static",
        "gives numbers or truth to Python, not a tensor to the next op":
            "allclose equal is_nonzero is_same_size numel broadcast_shapes can_cast promote_types result_type",
        "asks of a tensor what its type says already":
            "is_complex is_conj is_distributed is_floating_point is_inference is_neg is_signed is_storage is_tensor"
            " get_device",
        "a matrix product or `outer`, and `add`": "addbmm addmv addr",
        "reads memory as it lies, and not what the tensor says": "as_strided*",
        "the memory of a tensor, not its numbers": "empty* resolve_conj resolve_neg",
        "a copy of what the op without `_copy` gives as a view":
            "alias_copy *_indices_copy indices_copy detach_copy diagonal_copy expand_copy narrow_copy permute_copy"
            " select_copy slice_copy split_copy split_with_sizes_copy squeeze_copy t_copy transpose_copy unbind_copy"
            " unfold_copy unsqueeze_copy values_copy view_copy view_as_*_copy slice_inverse",
        _NO_GRADIENT: "heaviside igamma igammac histogram histogramdd",
        "the fraction and exponent of the machine's numbers": "frexp ldexp nextafter",
        "steps of a decomposition that `solve`, `det` and `inv` do within":
            "lu lu_solve lu_unpack geqrf orgqr ormqr triangular_solve symeig",
        "found by a search at random, or a step of one": "lobpcg pca_lowrank svd_lowrank",
        "of `torch.linalg`, where it is an op or has its reason": "svd eig lstsq matrix_rank",
        "`binomial` has no gradient, and its counts are tensors of floats; `bernoulli` summed says it": "binomial",
        "lengths lie in a tensor, and it is a prototype; `scatter_reduce` says it": "segment_reduce",
        "a parametrisation of a weight, which `torch.nn.utils` has": "norm_except_dim",
        "`conv1d` between two `transpose`": "conv_tbc",
        "control flow, which the language has: `when`, `repeat`": "cond while_loop",
        "how a function is run, not what it computes": "compile vmap fork wait",
        "makes a tensor of what Python or another library has":
            "as_tensor asarray from_dlpack from_file from_numpy frombuffer tensor to_dlpack load save",
        _SPARSE:
            "sparse_*_tensor sparse_compressed_tensor hsmm hspmm dsmm smm spmm saddmm sspaddmm resize_as_sparse_",
        _QUANTISED:
            "quantize_* quantized_* q_* dequantize int_repr fake_quantize_* fused_moving_avg_obs_fake_quant fbgemm_*"
            " choose_qparams_optimized empty_quantized",
        "a kernel of one backend, which PyTorch chooses by itself": "cudnn_* miopen_* mkldnn_*",
        "a step of batch normalisation over several processes": "batch_norm_*",
        "sizes that are symbols within PyTorch's compiler": "sym_*",
        "a setting or state of PyTorch's own":
            "get_* set_* is_*_enabled is_deterministic* is_warn_always_enabled is_vulkan_available"
            " are_deterministic_algorithms_enabled autocast_* clear_autocast_cache compiled_with_cxx11_abi"
            " init_num_threads initial_seed manual_seed seed use_deterministic_algorithms"
            " prepare_multiprocessing_environment profiler_* thread_safe_generator",
        "a helper of PyTorch's own":
            "classproperty hash_tensor import_ir_module* merge_type_from_type_comment parse_* typename unify_type_list",
    },
    "torch.fft": {},
    "torch.linalg": {
        "gives an error as a number, for Python to look at; the op without `_ex` raises it": "*_ex",
        "steps of a decomposition that `solve`, `det` and `inv` do within":
            "ldl_factor ldl_solve lu lu_factor lu_solve",
        "a number without a gradient that says how a computation went": "matrix_rank",
        "the quotient of two `matrix_norm`": "cond",
        "`solve` and `inv` between two `reshape`": "tensorsolve tensorinv",
    },
    "torch.special": {
        _NO_GRADIENT:
            "airy_ai bessel_* modified_bessel_k* scaled_modified_bessel_* spherical_bessel_j0 *_polynomial_*",
        "PyTorch has no derivative in its first argument": "gammainc gammaincc zeta",
    },
    "torch.signal.windows": {
        "a sum of cosines with weights of one's own: `arange`, `mul`, `cos` and `add`": "general_cosine",
    },
    "torch.Tensor": {
        _IN_PLACE: "*_",
        "asks of a tensor what its type says already; its sizes are symbols, as `$B`":
            "dim dim_order element_size is_contiguous is_coalesced is_pinned is_set_to is_shared ndimension nelement"
            " size dense_dim sparse_dim",
        "the memory of a tensor, not its numbers":
            "const_data_ptr data_ptr new new_empty new_empty_strided resize resize_as storage storage_offset"
            " storage_type stride untyped_storage",
        "complex32, which PyTorch calls experimental, is no dtype of the language": "chalf",
        "where a model runs, which belongs to `runtime`": "cpu cuda ipu mtia pin_memory record_stream xpu",
        "gives numbers to Python, not a tensor to the next op": "item numpy tolist",
        "makes a tensor of numbers in Python; a `buffer` with `init: {values: [...]}` holds some": "new_tensor",
        "a step of training, which `train` declares":
            "backward register_hook register_post_accumulate_grad_hook reinforce retain_grad",
        "a sum over the dimensions that were broadcast; `sum` with `dim` says it": "sum_to_size",
        _SPARSE:
            "ccol_indices coalesce col_indices crow_indices indices row_indices sparse_mask to_dense to_sparse*"
            " values",
        "for nested tensors: each row with a length of its own, which a mask says here": "to_padded_tensor",
        "a kernel of one backend, which PyTorch chooses by itself": "to_mkldnn",
        "a helper of PyTorch's own": "as_subclass module_load",
    },
    "torch.nn.utils": {
        "a parametrisation: `parametrize: {weight: weight_norm}` beside the op whose weight it is":
            "spectral_norm weight_norm remove_spectral_norm remove_weight_norm",
        "a step of training, which `train` declares": "clip_grad* get_total_norm",
        "a layer folded into the one before, which `export --optimize` does": "fuse_*",
        "the parameters of a module, and how they lie in memory":
            "convert_conv*_weight_memory_format parameters_to_vector vector_to_parameters skip_init",
    },
    "torch.nn.utils.rnn": {
        "rows of different lengths side by side; padded rows and a mask, or their lengths, say it":
            "pack_* pad_* unpack_* unpad_* PackedSequence",
        "a helper of PyTorch's own": "invert_permutation",
    },
}  # fmt: skip
