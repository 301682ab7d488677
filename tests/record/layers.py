"""Records values and gradients of every layer and loss from PyTorch, in float64.

Writes tests/model/ops/recorded/*.json. Needs torch and numpy: python tests/record/layers.py
"""
import json
import pathlib
import zlib

import torch
import torch.nn.functional as F

OUT = pathlib.Path(__file__).resolve().parents[1] / "model/ops/recorded"
SAMPLES = 3


def node(name, kind, sources, **attributes):
    return {"name": name, "kind": kind, "inputs": sources.split(","), "attributes": attributes}


def fused(y, a):
    kind = a.get("activation", "none")
    return y if kind == "none" else activation(y, kind, a)


def activation(x, kind, a):
    if kind == "leaky_relu":
        return F.leaky_relu(x, a.get("alpha", 0.01))
    if kind == "gelu":
        return F.gelu(x, approximate=a.get("approximate", "none"))
    return {"relu": F.relu, "silu": F.silu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}[kind](x)


def padding_of(a):
    if a.get("padding") != "same":
        return a.get("padding", 0)
    dilation = a.get("dilation", [1, 1])
    return [d * (k - 1) // 2 for d, k in zip(dilation, a["kernel"])]


def pool_arguments(a):
    return a["size"], a.get("stride", a["size"]), a.get("padding", 0)


def evaluate(n, x, param, state):
    kind, a = n["kind"], n["attributes"]
    if kind == "dense":
        return fused(F.linear(x[0], param("weight"), param("bias") if a.get("bias", 1) else None), a)
    if kind == "conv2d":
        bias = param("bias") if a.get("bias", 1) else None
        y = F.conv2d(x[0], param("weight"), bias, a.get("stride", 1), padding_of(a),
                     a.get("dilation", 1), a.get("groups", 1))
        return fused(y, a)
    if kind == "max_pool2d":
        return F.max_pool2d(x[0], *pool_arguments(a))
    if kind == "avg_pool2d":
        include = bool(a.get("count_include_pad", 1))
        return F.avg_pool2d(x[0], *pool_arguments(a), count_include_pad=include)
    if kind == "global_avg_pool":
        return x[0].mean((2, 3))
    if kind == "batch_norm":
        y = F.batch_norm(x[0], state("running_mean"), state("running_var"), param("weight"),
                         param("bias"), True, a.get("momentum", 0.1), a.get("epsilon", 1e-5))
        return y
    if kind == "layer_norm":
        return F.layer_norm(x[0], x[0].shape[-1:], param("weight"), param("bias"), a.get("epsilon", 1e-5))
    if kind == "flatten":
        return x[0].flatten(1)
    if kind == "reshape":
        return x[0].reshape(len(x[0]), *a["shape"])
    if kind == "add":
        return sum(x)
    if kind == "concat":
        return torch.cat(x, 1 if x[0].dim() != 3 else 2)
    if kind == "slice":
        return x[0].narrow(1 if x[0].dim() != 3 else 2, a["begin"], a["count"])
    if kind == "dot_interaction":
        vectors = torch.cat([x[0].unsqueeze(1), x[1]], 1) if len(x) == 2 else x[0]
        i, j = torch.tril_indices(vectors.shape[1], vectors.shape[1], -1)
        return torch.cat([vectors[:, 0], torch.bmm(vectors, vectors.transpose(1, 2))[:, i, j]], 1)
    if kind == "cross":
        return x[0] * F.linear(x[1], param("weight"), param("bias")) + x[1]
    if kind == "factorization_machine":
        pairs = 0.5 * (x[0].sum(1) ** 2 - (x[0] ** 2).sum(1))
        return pairs.sum(1, keepdim=True) if a.get("reduce", 1) else pairs
    if kind == "softmax":
        return F.softmax(x[0], 1 if x[0].dim() == 4 else -1)
    return activation(x[0], kind, a)


def loss_of(kind, a, z, target, weight):
    """The weighted sum over samples, and the sum of weights."""
    w = torch.ones(len(z), dtype=z.dtype) if weight is None else weight
    if kind == "softmax_cross_entropy":
        classes = a.get("class_weights")
        classes = torch.tensor(classes, dtype=z.dtype) if classes else None
        each = F.cross_entropy(z, target, classes, reduction="none",
                               label_smoothing=a.get("label_smoothing", 0.0))
        total = (w * (classes[target] if classes is not None else 1)).sum()
        return (w * each).sum(), total
    if kind == "sigmoid_cross_entropy":
        target = target.to(z.dtype).reshape(z.shape)
        positive = torch.tensor(a.get("positive_weight", 1.0), dtype=z.dtype)
        each = F.binary_cross_entropy_with_logits(z, target, reduction="none", pos_weight=positive)
        return (w * each.mean(1)).sum(), w.sum()
    if kind == "hinge":
        p = 2 if a.get("squared") else 1
        if z.shape[1] == 1:
            each = (a.get("margin", 1.0) - (2 * target - 1) * z[:, 0]).clamp(min=0) ** p
        else:
            each = F.multi_margin_loss(z, target, p=p, margin=a.get("margin", 1.0), reduction="none")
        return (w * each).sum(), w.sum()
    each = {"mse": lambda: F.mse_loss(z, target, reduction="none"),
            "mae": lambda: F.l1_loss(z, target, reduction="none"),
            "huber": lambda: F.huber_loss(z, target, reduction="none", delta=a.get("delta", 1.0))}[kind]()
    return (w * each.mean(1)).sum(), w.sum()


def param_shapes(n, shape):
    kind, a = n["kind"], n["attributes"]
    if kind == "dense":
        shapes = {"weight": (a["units"], shape[-1]), "bias": (a["units"],)}
    elif kind == "conv2d":
        channels = shape[1] // a.get("groups", 1)
        shapes = {"weight": (a["filters"], channels, *a["kernel"]), "bias": (a["filters"],)}
    elif kind == "batch_norm":
        shapes = {"weight": (shape[1],), "bias": (shape[1],)}
    elif kind == "cross":
        shapes = {"weight": (1, shape[-1]), "bias": (1,)}
    elif kind == "layer_norm":
        shapes = {"weight": (shape[-1],), "bias": (shape[-1],)}
    else:
        shapes = {}
    if not a.get("bias", 1):
        del shapes["bias"]
    return shapes


def two_digits(shape, generator, scale=1.0):
    values = torch.randn(shape, generator=generator, dtype=torch.float64) * scale
    return (values * 100).round() / 100


def numbers(tensor):
    return [float(f"{v:.9g}") for v in tensor.detach().reshape(-1).tolist()]


def forward(case, x, generator):
    values, params, state = {"x": x}, {}, {}
    for n in case["nodes"]:
        inputs = [values[i] for i in n["inputs"]]
        for suffix, shape in param_shapes(n, inputs[0].shape).items():
            name = f"{n['name']}.{suffix}"
            if name not in case.get("shared", {}):
                params[name] = two_digits(shape, generator, 0.5).requires_grad_()
        if n["kind"] == "batch_norm":
            state[n["name"] + ".running_mean"] = torch.zeros(inputs[0].shape[1], dtype=torch.float64)
            state[n["name"] + ".running_var"] = torch.ones(inputs[0].shape[1], dtype=torch.float64)

        def param(suffix, name=n["name"]):
            return params[case.get("shared", {}).get(f"{name}.{suffix}", f"{name}.{suffix}")]

        values[n["name"]] = evaluate(n, inputs, param, lambda s, name=n["name"]: state[f"{name}.{s}"])
    return values, params, state


def draw_target(case, output, generator):
    labels = case["loss"]["kind"] in ("softmax_cross_entropy", "hinge") or \
        case["loss"]["attributes"].get("targets") == "labels"
    if labels:
        classes = max(2, output.shape[1])
        return torch.randint(classes, (len(output),), generator=generator)
    if case["loss"]["kind"] == "sigmoid_cross_entropy":
        return torch.randint(2, output.shape, generator=generator).double()
    return two_digits(output.shape, generator)


def record(case):
    generator = torch.Generator().manual_seed(zlib.crc32(case["name"].encode()))
    x = two_digits((SAMPLES, *case["input"]), generator)
    values, params, state = forward(case, x, generator)
    output = values[case["nodes"][-1]["name"]].flatten(1)
    target = draw_target(case, output, generator)
    weight = two_digits((SAMPLES,), generator).abs() + 0.5 if case.get("weighted") else None
    loss, total = loss_of(case["loss"]["kind"], case["loss"]["attributes"], output, target, weight)
    loss.backward()
    case["values"] = {"x": numbers(x), "target": target.reshape(-1).tolist(),
                      **{name: numbers(p) for name, p in params.items()}}
    if weight is not None:
        case["values"]["weight"] = numbers(weight)
    case["expected"] = {"output": numbers(output), "loss": loss.item(), "weight": total.item(),
                        "gradients": {k: numbers(p.grad) for k, p in params.items()},
                        "state": {k: numbers(v) for k, v in state.items()}}
    return case


def layer(name, shape, *nodes, **more):
    """The nodes after a trainable layer that stands for x, so that gradients to their input are seen."""
    for n in nodes:
        n["inputs"] = ["in" if i == "x" else i for i in n["inputs"]]
    if len(shape) == 3:
        first = node("in", "conv2d", "x", filters=shape[0], kernel=[1, 1])
    else:
        first = node("in", "dense", "x", units=shape[-1])
    return {"name": name, "input": shape, "nodes": [first, *nodes], "loss": {"kind": "mse", "attributes": {}}, **more}


def loss(name, width, kind, weighted=False, **attributes):
    return {"name": name, "input": [width], "nodes": [node("out", "dense", "x", units=width)],
            "loss": {"kind": kind, "attributes": attributes}, "weighted": weighted}


IMAGE, ROWS = [2, 5, 4], [3, 5]


def dense_cases():
    yield layer("dense", [5], node("a", "dense", "x", units=3))
    yield layer("dense_without_bias", [5], node("a", "dense", "x", units=3, bias=0))
    yield layer("dense_over_rows", ROWS, node("a", "dense", "x", units=4))
    yield layer("dense_after_image", IMAGE, node("f", "flatten", "x"), node("r", "relu", "f"),
                node("a", "dense", "r", units=3))
    yield layer("dense_tied", [4], node("a", "dense", "x", units=4), node("b", "tanh", "a"),
                node("c", "dense", "b", units=4), shared={"c.weight": "a.weight"})
    for kind in ("relu", "leaky_relu", "sigmoid", "tanh"):
        yield layer(f"dense_{kind}", [5], node("a", "dense", "x", units=4), node("b", kind, "a"),
                    node("c", "dense", "b", units=3))


def conv_cases():
    def conv(name, shape=IMAGE, **a):
        return layer(name, shape, node("a", "conv2d", "x", **a))
    yield conv("conv2d", filters=3, kernel=[3, 3])
    yield conv("conv2d_stride_padding", [3, 7, 6], filters=2, kernel=[3, 3], stride=[2, 2], padding=[1, 1])
    yield conv("conv2d_rectangular", [2, 5, 6], filters=3, kernel=[3, 5], stride=[1, 2], padding=[0, 2], bias=0)
    yield conv("conv2d_same", filters=2, kernel=[5, 3], padding="same")
    yield conv("conv2d_dilation", [2, 7, 6], filters=2, kernel=[3, 2], dilation=[2, 3])
    yield conv("conv2d_groups", [4, 5, 4], filters=6, kernel=[3, 3], groups=2)
    yield conv("conv2d_depthwise", [4, 5, 4], filters=4, kernel=[3, 3], groups=4, padding=[1, 1])
    yield conv("conv2d_pointwise", filters=5, kernel=[1, 1])
    for kind in ("relu", "leaky_relu", "sigmoid", "tanh"):
        yield layer(f"conv2d_{kind}", IMAGE, node("a", "conv2d", "x", filters=3, kernel=[3, 3]),
                    node("b", kind, "a"))
    yield layer("conv2d_tied", IMAGE,
                node("a", "conv2d", "x", filters=2, kernel=[3, 3], padding=[1, 1]),
                node("b", "tanh", "a"),
                node("c", "conv2d", "b", filters=2, kernel=[3, 3], padding=[1, 1]),
                shared={"c.weight": "a.weight", "c.bias": "a.bias"})


def pool_cases():
    image = [3, 7, 6]
    yield layer("max_pool2d", [3, 6, 4], node("a", "max_pool2d", "x", size=[2, 2]))
    yield layer("max_pool2d_overlap", image, node("a", "max_pool2d", "x", size=[3, 3], stride=[2, 2], padding=[1, 1]))
    yield layer("avg_pool2d", image, node("a", "avg_pool2d", "x", size=[3, 2], stride=[2, 1], padding=[1, 1]))
    yield layer("avg_pool2d_covered", image, node("a", "avg_pool2d", "x", size=[3, 3], stride=[2, 2], padding=[1, 1],
                                                  count_include_pad=0))
    yield layer("global_avg_pool", image, node("a", "global_avg_pool", "x"))


def norm_cases():
    yield layer("batch_norm_image", IMAGE, node("a", "batch_norm", "x"))
    yield layer("batch_norm_features", [5], node("a", "batch_norm", "x", momentum=0.3, epsilon=0.001))
    yield layer("batch_norm_relu", IMAGE, node("a", "batch_norm", "x"), node("b", "relu", "a"))
    yield layer("batch_norm_residual", IMAGE,
                node("c", "conv2d", "x", filters=2, kernel=[3, 3], padding=[1, 1], bias=0),
                node("a", "batch_norm", "c"), node("s", "add", "a,x"), node("b", "relu", "s"))
    yield layer("layer_norm", [7], node("a", "layer_norm", "x"))
    yield layer("layer_norm_rows", ROWS, node("a", "layer_norm", "x", epsilon=0.01))


def shape_cases():
    yield layer("add_fan_out", IMAGE, node("a", "conv2d", "x", filters=2, kernel=[3, 3], padding=[1, 1]),
                node("b", "tanh", "a"), node("c", "conv2d", "b", filters=2, kernel=[1, 1]),
                node("d", "add", "c,b"), node("e", "add", "d,b,x", inputs=3))
    yield layer("concat_images", IMAGE, node("a", "conv2d", "x", filters=3, kernel=[1, 1]),
                node("b", "concat", "x,a,x"))
    yield layer("concat_features", [4], node("a", "dense", "x", units=3), node("b", "concat", "a,x"))
    yield layer("concat_rows", ROWS, node("a", "dense", "x", units=2), node("b", "concat", "x,a"))
    yield layer("reshape_to_image", [12], node("t", "dense", "x", units=12), node("a", "reshape", "t", shape=[3, 2, 2]),
                node("b", "conv2d", "a", filters=2, kernel=[2, 2]))
    yield layer("reshape_after_image", IMAGE, node("f", "flatten", "x"), node("a", "reshape", "f", shape=[8, -1]),
                node("b", "dense", "a", units=2))
    yield layer("slice_images", IMAGE, node("b", "slice", "x", begin=1, count=1))
    yield layer("slice_rows", ROWS, node("b", "slice", "x", begin=2, count=2))
    yield layer("slice_overlapping", [6], node("a", "slice", "x", begin=0, count=4),
                node("b", "slice", "x", begin=3, count=3), node("c", "concat", "a,b"))
    yield layer("slice_beside_others", [5], node("a", "slice", "x", begin=1, count=2), node("b", "tanh", "x"),
                node("c", "concat", "b,a"))
    yield layer("flatten_slice", IMAGE, node("f", "flatten", "x"), node("a", "slice", "f", begin=15, count=10))
    yield layer("flatten_layer_norm", IMAGE, node("f", "flatten", "x"), node("a", "layer_norm", "f"))


def interaction_cases():
    yield layer("dot_interaction", ROWS, node("a", "dot_interaction", "x"))
    yield layer("dot_interaction_of_two", [12], node("z", "dense", "x", units=4), node("t", "tanh", "x"),
                node("r", "reshape", "t", shape=[3, 4]), node("a", "dot_interaction", "z,r", inputs=2))
    yield layer("dot_interaction_beside_others", [12], node("z", "dense", "x", units=4),
                node("r", "reshape", "x", shape=[3, 4]), node("a", "dot_interaction", "z,r", inputs=2),
                node("b", "concat", "z,a"))
    yield layer("cross", [5], node("t", "tanh", "x"), node("a", "cross", "x,t"))
    yield layer("cross_twice", [5], node("a", "cross", "x,x"), node("b", "cross", "x,a"))
    yield layer("factorization_machine", ROWS, node("a", "factorization_machine", "x"))
    yield layer("factorization_machine_elements", ROWS, node("a", "factorization_machine", "x", reduce=0),
                node("b", "tanh", "a"))


def activation_cases():
    for kind, a in (("relu", {}), ("leaky_relu", {"alpha": 0.2}), ("gelu", {}), ("gelu", {"approximate": "tanh"}),
                    ("silu", {}), ("sigmoid", {}), ("tanh", {})):
        yield layer("_".join([kind, *map(str, a.values())]).replace(".", ""), [7], node("a", kind, "x", **a))
    yield layer("softmax", [7], node("a", "softmax", "x"))
    yield layer("softmax_rows", ROWS, node("a", "softmax", "x"))
    yield layer("softmax_channels", IMAGE, node("a", "softmax", "x"))


def loss_cases():
    ce, bce = "softmax_cross_entropy", "sigmoid_cross_entropy"
    yield loss(ce, 5, ce)
    yield loss("softmax_cross_entropy_weighted", 5, ce, True)
    yield loss("softmax_cross_entropy_smoothing", 5, ce, label_smoothing=0.1)
    yield loss("softmax_cross_entropy_class_weights", 4, ce, True, class_weights=[0.5, 1.0, 2.0, 0.25])
    yield loss("softmax_cross_entropy_both", 4, ce, label_smoothing=0.2, class_weights=[0.5, 1.0, 2.0, 0.25])
    yield loss(bce, 1, bce, targets="labels")
    yield loss("sigmoid_cross_entropy_values", 4, bce, True, targets="values", positive_weight=2.5)
    for kind in ("mse", "mae", "huber"):
        yield loss(kind, 4, kind)
    yield loss("mse_weighted", 4, "mse", True)
    yield loss("huber_delta", 4, "huber", delta=0.5)
    yield loss("hinge", 4, "hinge")
    yield loss("hinge_squared", 4, "hinge", True, squared=1, margin=0.5)
    yield loss("hinge_binary", 1, "hinge")
    yield loss("hinge_binary_squared", 1, "hinge", squared=1)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for family in (dense_cases, conv_cases, pool_cases, norm_cases, shape_cases, interaction_cases, activation_cases, loss_cases):
        cases = [record(case) for case in family()]
        text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
        (OUT / f"{family.__name__.removesuffix('_cases')}.json").write_text(text)


if __name__ == "__main__":
    main()
