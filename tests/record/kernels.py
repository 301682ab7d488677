"""Records PyTorch's values for the kernel tests: python tests/record/kernels.py > tests/kernels/recorded/torch.json"""
import json
import torch
import torch.nn.functional as F

torch.manual_seed(5)
out = {}


def put(name, tensor):
    out[name] = [float(f"{v:.8g}") for v in tensor.detach().flatten().tolist()]


def gradient_of(name, value, *leaves):
    """Stores `value` and the gradient of its sum with respect to each (leaf name, leaf)."""
    put(name, value)
    for (leaf_name, leaf), g in zip(leaves, torch.autograd.grad(value.sum(), [l for _, l in leaves])):
        put(f"{name}.{leaf_name}", g)


def losses():
    z = (torch.randn(6, 5) * 2).requires_grad_()
    labels = torch.tensor([0, 4, 2, 2, 1, 3])
    weight = torch.tensor([0.5, 1.0, 2.0, 0.25, 1.5])
    put("z", z)
    put("labels", labels.float())
    put("class_weight", weight)
    for smoothing in (0.0, 0.1):
        for name, w in (("plain", None), ("weighted", weight)):
            loss = F.cross_entropy(z, labels, w, reduction="sum", label_smoothing=smoothing)
            gradient_of(f"cross_entropy.{name}.{smoothing}", loss, ("dz", z))
            put(f"cross_entropy.{name}.{smoothing}.mean", F.cross_entropy(z, labels, w, label_smoothing=smoothing))
    t = torch.rand(6, 5)
    put("t", t)
    for pos in (1.0, 3.0):
        loss = F.binary_cross_entropy_with_logits(z, t, reduction="none", pos_weight=torch.tensor(pos))
        gradient_of(f"bce.{pos}", loss.mean(1).sum(), ("dz", z))
    gradient_of("mse", F.mse_loss(z, t, reduction="none").mean(1).sum(), ("dz", z))
    gradient_of("mae", F.l1_loss(z, t, reduction="none").mean(1).sum(), ("dz", z))
    gradient_of("huber", F.huber_loss(z, t, reduction="none", delta=0.7).mean(1).sum(), ("dz", z))
    for p in (1, 2):
        loss = F.multi_margin_loss(z, labels, p=p, margin=0.8, reduction="sum")
        gradient_of(f"hinge.{p}", loss, ("dz", z))


def norms():
    x = (torch.randn(4, 6) * 3 + 1).requires_grad_()
    gamma, beta = torch.rand(6).requires_grad_(), torch.randn(6).requires_grad_()
    dy = torch.randn(4, 6)
    for name, v in (("norm.x", x), ("norm.gamma", gamma), ("norm.beta", beta), ("norm.dy", dy)):
        put(name, v)
    leaves = (x, gamma, beta)
    y = F.layer_norm(x, (6,), gamma, beta, 1e-5)
    put("layer_norm.y", y)
    for n, g in zip(("dx", "dgamma", "dbeta"), torch.autograd.grad(y, leaves, dy)):
        put(f"layer_norm.{n}", g)
    y = F.relu(F.batch_norm(x, None, None, gamma, beta, True, 0.1, 1e-5))
    put("batch_norm.y", y)
    for n, g in zip(("dx", "dgamma", "dbeta"), torch.autograd.grad(y, leaves, dy)):
        put(f"batch_norm.{n}", g)


def channels_last(t):
    return t.permute(0, 2, 3, 1)


def pools():
    x = torch.randn(2, 3, 7, 6, requires_grad=True)
    put("pool.x", channels_last(x))
    variants = {
        "max": lambda v: F.max_pool2d(v, 3, 2, 1),
        "average_padded": lambda v: F.avg_pool2d(v, 3, 2, 1, count_include_pad=True),
        "average_covered": lambda v: F.avg_pool2d(v, 3, 2, 1, count_include_pad=False),
        "average_rounded_up": lambda v: F.avg_pool2d(v, (3, 2), (2, 2), (1, 0), ceil_mode=True),
    }
    for name, f in variants.items():
        y = f(x)
        put(f"pool.{name}.y", channels_last(y))
        put(f"pool.{name}.dx", channels_last(torch.autograd.grad(y, x, y.detach() * y.detach())[0]))


def convs():
    variants = {
        "strided": dict(stride=2, padding=1),
        "dilated": dict(dilation=2, padding=2),
        "grouped": dict(groups=2, padding=1),
        "depthwise": dict(groups=4),
    }
    for name, kw in variants.items():
        x = torch.randn(2, 4, 7, 6, requires_grad=True)
        w = torch.randn(8, 4 // kw.get("groups", 1), 3, 3, requires_grad=True)
        b = torch.randn(8, requires_grad=True)
        y = F.conv2d(x, w, b, **kw)
        dy = torch.randn_like(y)
        dx, dw, db = torch.autograd.grad(y, (x, w, b), dy)
        put(f"conv.{name}.b", b)
        put(f"conv.{name}.db", db)
        for n, v in (("x", x), ("w", w), ("y", y), ("dy", dy), ("dx", dx), ("dw", dw)):
            put(f"conv.{name}.{n}", channels_last(v))


def optimizers():
    w0, grads = torch.randn(7), torch.randn(5, 7)
    put("optimizer.w0", w0)
    put("optimizer.grads", grads)
    o = torch.optim
    variants = {
        "sgd": lambda p: o.SGD(p, lr=0.1),
        "sgd_decay": lambda p: o.SGD(p, lr=0.1, weight_decay=0.01),
        "sgd_momentum": lambda p: o.SGD(p, lr=0.1, momentum=0.9, dampening=0.3),
        "sgd_nesterov": lambda p: o.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        "adam": lambda p: o.Adam(p, lr=0.05, weight_decay=0.02),
        "adamw": lambda p: o.AdamW(p, lr=0.05, weight_decay=0.1),
        "adagrad": lambda p: o.Adagrad(p, lr=0.1, lr_decay=0.2, weight_decay=0.01, initial_accumulator_value=0.3),
        "rmsprop": lambda p: o.RMSprop(p, lr=0.02, alpha=0.9),
        "rmsprop_centered": lambda p: o.RMSprop(p, lr=0.02, alpha=0.9, centered=True),
        "rmsprop_momentum": lambda p: o.RMSprop(p, lr=0.02, alpha=0.9, momentum=0.8, weight_decay=0.01),
        "rmsprop_both": lambda p: o.RMSprop(p, lr=0.02, alpha=0.9, momentum=0.8, centered=True),
    }
    for name, make in variants.items():
        p = torch.nn.Parameter(w0.clone())
        optimizer = make([p])
        for g in grads:
            p.grad = g.clone()
            optimizer.step()
        put(f"optimizer.{name}", p)


for section in (losses, norms, pools, convs, optimizers):
    section()
print("{" + ",\n".join(f"{json.dumps(name)}: {json.dumps(values)}" for name, values in out.items()) + "}")
