"""Writes training-reference.json: what PyTorch's and timm's optimizers, clipping, moving average, loss and schedules compute.

    export_training.py FOLDER
"""
import json
import math
import sys

import numpy
import timm
import torch
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import Lamb, Lars, RMSpropTF
from timm.optim import param_groups_weight_decay
from timm.scheduler import CosineLRScheduler, StepLRScheduler
from timm.utils import ModelEmaV3

STEPS = 10
DECAY = 0.05
# Changes from step to step: it matters whether the rate is inside the momentum buffer.
RATES = [0.05, 0.1, 0.1, 0.02, 0.02, 0.07, 0.01, 0.01, 0.1, 0.005]


class Network(torch.nn.Module):
    """One parameter of every kind."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 1, bias=False)
        self.bn = torch.nn.BatchNorm2d(3)
        self.squeeze = torch.nn.Conv2d(3, 2, 1)
        self.classifier = torch.nn.Linear(2, 3)


KINDS = {
    "conv.weight": "CONVOLUTION_WEIGHT",
    "bn.weight": "BATCH_NORM_SCALE",
    "bn.bias": "BATCH_NORM_SHIFT",
    "squeeze.weight": "CONVOLUTION_WEIGHT",
    "squeeze.bias": "BIAS",
    "classifier.weight": "DENSE_WEIGHT",
    "classifier.bias": "BIAS",
}


def shortest(values):
    """float32 values as the shortest decimals that are them."""
    return [float(str(numpy.float32(v))) for v in values]


def flat(tensors):
    return shortest(torch.cat([t.detach().reshape(-1) for t in tensors]).tolist())


def network():
    torch.manual_seed(1)
    model = Network()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    return model


def groups(model, exclusion):
    if exclusion == "ALL_ONE_DIMENSIONAL":
        return param_groups_weight_decay(model, DECAY)
    if exclusion == "BATCH_NORM":
        named = dict(model.named_parameters())
        return [
            {"params": [p for n, p in named.items() if n.startswith("bn.")], "weight_decay": 0.0},
            {"params": [p for n, p in named.items() if not n.startswith("bn.")], "weight_decay": DECAY},
        ]
    return [{"params": list(model.parameters()), "weight_decay": DECAY}]


def weights_alone(model):
    """Nothing decays, and the norms of weights alone set rates: timm asks for that by group."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim == 1]
    return [
        {"params": weights, "weight_decay": 0.0, "always_adapt": True},
        {"params": others, "weight_decay": 0.0},
    ]


OPTIMIZERS = {
    "sgd": lambda g: torch.optim.SGD(g, lr=1),
    "sgd-momentum": lambda g: torch.optim.SGD(g, lr=1, momentum=0.9),
    "sgd-nesterov": lambda g: torch.optim.SGD(g, lr=1, momentum=0.9, nesterov=True),
    "adamw": lambda g: torch.optim.AdamW(g, lr=1, betas=(0.9, 0.999), eps=1e-8),
    "rmsprop-tf": lambda g: RMSpropTF(g, lr=1, alpha=0.9, momentum=0.9, eps=0.001),
    "rmsprop-tf-plain": lambda g: RMSpropTF(g, lr=1, alpha=0.99, momentum=0.0, eps=1e-6),
}

# timm adapts the rate of what decays, the papers that of weights: the two agree where weights alone decay.
LAYERWISE = {
    "lars": lambda g: Lars(g, lr=1, momentum=0.9, trust_coeff=0.02),
    "lars-nesterov": lambda g: Lars(g, lr=1, momentum=0.9, nesterov=True, trust_coeff=0.02),
    "lars-plain": lambda g: Lars(g, lr=1, trust_coeff=0.02, eps=1e-3),
    "lamb": lambda g: Lamb(g, lr=1, max_grad_norm=None),
    "lamb-quick": lambda g: Lamb(g, lr=1, betas=(0.5, 0.9), eps=1e-3, max_grad_norm=None),
    "lamb-clipped": lambda g: Lamb(g, lr=1, max_grad_norm=1.0),
}


def run(make, grouped, gradients):
    """The parameters after every step."""
    model = network()
    steps = make(grouped(model))
    trace = []
    for rate, gradient in zip(RATES, gradients):
        offset = 0
        for parameter in model.parameters():
            parameter.grad = torch.tensor(gradient[offset:offset + parameter.numel()]).reshape(parameter.shape)
            offset += parameter.numel()
        for group in steps.param_groups:
            group["lr"] = rate
        steps.step()
        trace.append(flat(model.parameters()))
    return trace


def moving_average(decay, trace):
    """The average after every step; n is the number of steps done."""
    model = network()
    # n / (gamma + n) with gamma 9 and one step ahead is TensorFlow's (1 + n) / (10 + n).
    average = ModelEmaV3(model, decay=decay, use_warmup=True, warmup_gamma=9, warmup_power=1, update_after_step=-2)
    averages = []
    for n, values in enumerate(trace, start=1):
        offset = 0
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.tensor(values[offset:offset + parameter.numel()]).reshape(parameter.shape))
                offset += parameter.numel()
        average.update(model, step=n)
        averages.append(flat(average.module.parameters()))
    return {
        "decay": decay,
        "decays": [[n, average.get_decay(n)] for n in (0, 1, 8, 80, 1000, 80_000, 1_000_000)],
        "parameters": trace,
        "averages": averages,
    }


def clipped(maximum, gradient):
    model = network()
    offset = 0
    for parameter in model.parameters():
        parameter.grad = torch.tensor(gradient[offset:offset + parameter.numel()]).reshape(parameter.shape)
        offset += parameter.numel()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), maximum)
    return {"maximum": maximum, "norm": shortest([norm.item()])[0], "clipped": flat([p.grad for p in model.parameters()])}


def smoothed_loss(smoothing):
    torch.manual_seed(3)
    scores = (3 * torch.randn(4, 5)).requires_grad_()
    classes = torch.tensor([0, 4, 2, 2])
    loss = LabelSmoothingCrossEntropy(smoothing)(scores, classes)
    loss.backward()
    torch_loss = torch.nn.functional.cross_entropy(scores, classes, label_smoothing=smoothing)
    assert math.isclose(loss.item(), torch_loss.item(), rel_tol=1e-6)
    return {
        "smoothing": smoothing,
        "scores": flat([scores]),
        "classes": classes.tolist(),
        "loss": shortest([loss.item()])[0],
        "gradient": flat([scores.grad]),
    }


def schedules():
    def optimizer():
        return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.256)

    cases = []
    for steps_per_epoch, epochs, warmup in ((100, 10, 0), (100, 10, 2), (313, 8, 1)):
        for name, schedule in (
            ("cosine", CosineLRScheduler(
                optimizer(), t_initial=epochs * steps_per_epoch, warmup_t=warmup * steps_per_epoch, t_in_epochs=False)),
            ("staircase", StepLRScheduler(
                optimizer(), decay_t=2.4 * steps_per_epoch, decay_rate=0.97, warmup_t=warmup * steps_per_epoch,
                warmup_prefix=False, t_in_epochs=False)),
        ):
            last = epochs * steps_per_epoch
            at = sorted({*range(0, last + 50, 37), *range(3), warmup * steps_per_epoch - 1, warmup * steps_per_epoch,
                         last - 1, last, *(math.ceil(2.4 * steps_per_epoch * k) + d for k in (1, 2, 3) for d in (-1, 0))}
                        - {-1})
            rates = []
            for step in at:
                schedule.step_update(step)
                rates.append([step, schedule.optimizer.param_groups[0]["lr"]])
            cases.append({"schedule": name, "steps-per-epoch": steps_per_epoch, "epochs": epochs, "warmup-epochs": warmup,
                          "rates": rates})
    milestones = torch.optim.lr_scheduler.MultiStepLR(optimizer(), milestones=[30, 50], gamma=0.1)
    rates = []
    for step in range(60):
        rates.append([step, milestones.optimizer.param_groups[0]["lr"]])
        milestones.optimizer.step()
        milestones.step()
    cases.append({"schedule": "milestones", "steps-per-epoch": 10, "epochs": 6, "warmup-epochs": 0, "rates": rates})
    return cases


torch.manual_seed(2)
count = sum(p.numel() for p in network().parameters())
gradients = [shortest(torch.randn(count).tolist()) for _ in range(STEPS)]
cases = [
    {"optimizer": optimizer, "exclusion": exclusion, "weight-decay": DECAY,
     "parameters": run(make, lambda model: groups(model, exclusion), gradients)}
    for optimizer, make in OPTIMIZERS.items()
    for exclusion in ("ALL_ONE_DIMENSIONAL", "BATCH_NORM", "NONE")
] + [
    {"optimizer": optimizer, "exclusion": "ALL_ONE_DIMENSIONAL", "weight-decay": decay,
     "parameters": run(make, grouped, gradients)}
    for optimizer, make in LAYERWISE.items()
    for decay, grouped in ((DECAY, lambda model: groups(model, "ALL_ONE_DIMENSIONAL")), (0, weights_alone))
]
trace = cases[0]["parameters"]
reference = {
    "made-by": f"export_training.py with torch {torch.__version__} and timm {timm.__version__}",
    "segments": [[n, KINDS[n], p.numel()] for n, p in network().named_parameters()],
    "initial": flat(network().parameters()),
    "gradients": gradients,
    "rates": RATES,
    "optimizers": cases,
    "clippings": [clipped(maximum, gradients[0]) for maximum in (0.1, 1.0, 5.0, 100.0)],
    "moving-averages": [moving_average(0.9999, trace), moving_average(0.4, trace)],
    "losses": [smoothed_loss(s) for s in (0.0, 0.1, 0.5)],
    "schedules": schedules(),
}
with open(sys.argv[1] + "/training-reference.json", "w") as file:
    file.write("{\n" + ",\n".join(
        f" {json.dumps(key)}: " + ("[\n  " + ",\n  ".join(json.dumps(item) for item in value) + "\n ]"
                                    if isinstance(value, list) and isinstance(value[0], (dict, list))
                                    else json.dumps(value))
        for key, value in reference.items()) + "\n}\n")
