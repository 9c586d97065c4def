"""Optimizers: all of torch.optim that trains a whole network. Names and defaults are PyTorch's.

Left out are arguments that choose an implementation, not a result (foreach, fused, capturable, differentiable), and
`maximize`: a loss is minimised.
"""

from __future__ import annotations

from archspec.ops.base import arg
from archspec.ops.kinds import (
    BadValue,
    Bool,
    Choice,
    Float,
    Int,
    ListOf,
    NonNegativeFloat,
    Number,
    Optional,
    PositiveFloat,
    PositiveInt,
    Refined,
    Str,
)
from archspec.recipe.model import Optimizer
from archspec.recipe.nested import Nested
from archspec.recipe.parts import Family

OPTIMIZERS: Family[Optimizer] = Family(
    "optimizer",
    {
        "sparse_adam": "it takes sparse gradients only, and a network's other parameters have dense ones; use `adam`",
    },
)

_below_one = Float(0, 1, title="a number from 0 up to, but not including, 1")
Beta = Refined(_below_one, lambda beta: "it must be below 1" if beta >= 1 else None)
Betas = ListOf(Beta, 2, 2, title="two numbers from 0 up to, but not including, 1")
TwoPositive = ListOf(PositiveFloat, 2, 2, title="two positive numbers")
DECAY = "weight decay (L2 penalty)"
EPS = "added to the denominator, for numerical stability"

# Those that PyTorch can do in one kernel for all weights.
FUSED = ("sgd", "adam", "adamw", "adagrad")


@OPTIMIZERS.declare("sgd", "torch.optim.SGD")
class Sgd(Optimizer):
    """Stochastic gradient descent, with momentum."""

    lr = arg(NonNegativeFloat, 1e-3, "learning rate")
    momentum = arg(NonNegativeFloat, 0.0, "momentum factor")
    dampening = arg(Number, 0.0, "dampening for momentum")
    weight_decay = arg(NonNegativeFloat, 0.0, DECAY)
    nesterov = arg(Bool, False, "Nesterov momentum; needs a momentum and no dampening")

    def validate(self) -> None:
        if self.nesterov and (self.momentum <= 0 or self.dampening != 0):
            raise BadValue("Nesterov momentum needs `momentum` above 0 and `dampening` 0", ("nesterov",))


@OPTIMIZERS.declare("adam", "torch.optim.Adam")
class Adam(Optimizer):
    """Adam (Kingma and Ba, 2014)."""

    lr = arg(NonNegativeFloat, 1e-3, "learning rate")
    betas = arg(Betas, [0.9, 0.999], "decay of the running averages of the gradient and its square")
    eps = arg(NonNegativeFloat, 1e-8, EPS)
    weight_decay = arg(NonNegativeFloat, 0.0, DECAY)
    amsgrad = arg(Bool, False, "the AMSGrad variant")
    decoupled_weight_decay = arg(Bool, False, "decay the weights apart from the gradient, as `adamw` does")


@OPTIMIZERS.declare("adamw", "torch.optim.AdamW")
class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2017)."""

    lr = arg(NonNegativeFloat, 1e-3, "learning rate")
    betas = arg(Betas, [0.9, 0.999], "decay of the running averages of the gradient and its square")
    eps = arg(NonNegativeFloat, 1e-8, EPS)
    weight_decay = arg(NonNegativeFloat, 0.01, "decoupled weight decay")
    amsgrad = arg(Bool, False, "the AMSGrad variant")


@OPTIMIZERS.declare("nadam", "torch.optim.NAdam")
class NAdam(Optimizer):
    """Adam with Nesterov momentum (Dozat, 2016)."""

    lr = arg(NonNegativeFloat, 2e-3, "learning rate")
    betas = arg(Betas, [0.9, 0.999], "decay of the running averages of the gradient and its square")
    eps = arg(NonNegativeFloat, 1e-8, EPS)
    weight_decay = arg(NonNegativeFloat, 0.0, DECAY)
    momentum_decay = arg(NonNegativeFloat, 4e-3, "momentum decay")
    decoupled_weight_decay = arg(Bool, False, "decay the weights apart from the gradient, as `adamw` does")


@OPTIMIZERS.declare("radam", "torch.optim.RAdam")
class RAdam(Optimizer):
    """Rectified Adam (Liu et al., 2019)."""

    lr = arg(NonNegativeFloat, 1e-3, "learning rate")
    betas = arg(Betas, [0.9, 0.999], "decay of the running averages of the gradient and its square")
    eps = arg(NonNegativeFloat, 1e-8, EPS)
    weight_decay = arg(NonNegativeFloat, 0.0, DECAY)
    decoupled_weight_decay = arg(Bool, False, "decay the weights apart from the gradient, as `adamw` does")


@OPTIMIZERS.declare("rmsprop", "torch.optim.RMSprop")
class RmsProp(Optimizer):
    """RMSprop (Hinton, 2012)."""

    lr = arg(NonNegativeFloat, 1e-2, "learning rate")
    alpha = arg(NonNegativeFloat, 0.99, "decay of the running average of the squared gradient")
    eps = arg(NonNegativeFloat, 1e-8, EPS)
    weight_decay = arg(NonNegativeFloat, 0.0, DECAY)
    momentum = arg(NonNegativeFloat, 0.0, "momentum factor")
    centered = arg(Bool, False, "normalise by an estimate of the gradient's variance")


@OPTIMIZERS.declare("adagrad", "torch.optim.Adagrad")
class Adagrad(Optimizer):
    """Adagrad (Duchi et al., 2011)."""

    lr = arg(NonNegativeFloat, 1e-2, "learning rate")
    lr_decay = arg(NonNegativeFloat, 0.0, "decay of the learning rate")
    weight_decay = arg(NonNegativeFloat, 0.0, DECAY)
    initial_accumulator_value = arg(NonNegativeFloat, 0.0, "first value of the sum of squared gradients")
    eps = arg(NonNegativeFloat, 1e-10, EPS)


@OPTIMIZERS.declare("adadelta", "torch.optim.Adadelta")
class Adadelta(Optimizer):
    """Adadelta (Zeiler, 2012)."""

    lr = arg(NonNegativeFloat, 1.0, "factor of the update")
    rho = arg(Float(0, 1), 0.9, "decay of the running average of the squared gradient")
    eps = arg(NonNegativeFloat, 1e-6, EPS)
    weight_decay = arg(NonNegativeFloat, 0.0, DECAY)


@OPTIMIZERS.declare("adamax", "torch.optim.Adamax")
class Adamax(Optimizer):
    """Adamax, Adam with the infinity norm (Kingma and Ba, 2014)."""

    lr = arg(NonNegativeFloat, 2e-3, "learning rate")
    betas = arg(Betas, [0.9, 0.999], "decay of the running averages of the gradient and its norm")
    eps = arg(NonNegativeFloat, 1e-8, EPS)
    weight_decay = arg(NonNegativeFloat, 0.0, DECAY)


@OPTIMIZERS.declare("adafactor", "torch.optim.Adafactor")
class Adafactor(Optimizer):
    """Adafactor, with factored second moments (Shazeer and Stern, 2018)."""

    sharded = False
    lr = arg(NonNegativeFloat, 1e-2, "learning rate")
    beta2_decay = arg(Float(None, 0, title="a number at most 0"), -0.8, "exponent of the second moment's decay")
    eps = arg(
        ListOf(Optional(NonNegativeFloat), 2, 2, title="two numbers, not negative; the first may be null"),
        [None, 1e-3],
        "[eps1, eps2]; null is the dtype's epsilon",
    )
    d = arg(Float(1), 1.0, "clipping threshold of the update")
    weight_decay = arg(NonNegativeFloat, 0.0, "decoupled weight decay")

    def validate(self) -> None:
        if self.eps[1] is None:
            raise BadValue("only the first of the two may be null", ("eps",))


@OPTIMIZERS.declare("asgd", "torch.optim.ASGD")
class Asgd(Optimizer):
    """Averaged stochastic gradient descent (Polyak and Juditsky, 1992)."""

    lr = arg(NonNegativeFloat, 1e-2, "learning rate")
    lambd = arg(Number, 1e-4, "decay term")
    alpha = arg(Number, 0.75, "power of the update of the learning rate")
    t0 = arg(Number, 1e6, "step at which averaging starts")
    weight_decay = arg(NonNegativeFloat, 0.0, DECAY)


@OPTIMIZERS.declare("rprop", "torch.optim.Rprop")
class Rprop(Optimizer):
    """Resilient backpropagation (Riedmiller and Braun, 1993); meant for whole-batch gradients."""

    sharded = False
    lr = arg(NonNegativeFloat, 1e-2, "first step size")
    etas = arg(TwoPositive, [0.5, 1.2], "factors of decrease and increase")
    step_sizes = arg(TwoPositive, [1e-6, 50.0], "smallest and largest step")

    def validate(self) -> None:
        if not self.etas[0] < 1 < self.etas[1]:
            raise BadValue("the first must be below 1 and the second above 1", ("etas",))


@OPTIMIZERS.declare("muon", "torch.optim.Muon")
class Muon(Optimizer):
    """Momentum with an orthogonalised update (Jordan et al., 2024), for the matrices of hidden layers.

    As PyTorch documents it, biases, norms, convolutions and embeddings are for another optimizer: AdamW updates
    every parameter that is no matrix, embeddings, and what `exclude` matches. One schedule moves both rates.
    """

    ours = ("adamw", "exclude")
    lr = arg(NonNegativeFloat, 1e-3, "learning rate")
    weight_decay = arg(NonNegativeFloat, 0.1, "decoupled weight decay")
    momentum = arg(NonNegativeFloat, 0.95, "momentum factor")
    nesterov = arg(Bool, True, "Nesterov momentum")
    ns_coefficients = arg(
        ListOf(Number, 3, 3, title="three numbers"),
        [3.4445, -4.775, 2.0315],
        "coefficients a, b, c of the Newton-Schulz polynomial",
    )
    eps = arg(NonNegativeFloat, 1e-7, "smallest norm that is divided by")
    ns_steps = arg(Int(1, 99, title="a whole number from 1 to 99"), 5, "Newton-Schulz iterations")
    adjust_lr_fn = arg(
        Optional(Choice("original", "match_rms_adamw")),
        None,
        "how a matrix's shape changes its rate: `original` (left out), or `match_rms_adamw`, with which a rate and "
        "weight decay tuned for AdamW hold",
    )
    adamw = arg(Nested(AdamW), {}, "the optimizer of all other parameters, with arguments of its own")
    exclude = arg(
        ListOf(Str, lone=True), [], "patterns of further matrices for `adamw`: those of the output layer, as is usual"
    )


@OPTIMIZERS.declare("lbfgs", "torch.optim.LBFGS")
class Lbfgs(Optimizer):
    """L-BFGS: goes through each batch up to `max_iter` times; meant for whole-batch gradients without dropout."""

    one_group = True
    closure = True
    lr = arg(NonNegativeFloat, 1.0, "learning rate")
    max_iter = arg(PositiveInt, 20, "iterations an optimisation step")
    max_eval = arg(Optional(PositiveInt), None, "evaluations an optimisation step; left out: `max_iter` * 1.25")
    tolerance_grad = arg(NonNegativeFloat, 1e-7, "a step ends at gradients no larger")
    tolerance_change = arg(NonNegativeFloat, 1e-9, "a step ends at changes of loss or weights no larger")
    history_size = arg(PositiveInt, 100, "updates that are remembered")
    line_search_fn = arg(Optional(Choice("strong_wolfe")), None, "line search")
