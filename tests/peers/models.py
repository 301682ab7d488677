"""The models of configs/*.ini in PyTorch, written by hand from their papers, with Trireme's parameter names.

MODELS: for each configuration its model, its loss, the shape of a sample, what the target is, and how many samples
a comparison takes. VARIANTS: the same for configurations with overrides. Dropout is left out: comparisons run
without it.
"""
import dataclasses
import typing

import torch
from torch import nn
from torch.nn import functional as F

import recommenders


class DigitsCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
        x = F.max_pool2d(F.relu(self.conv3(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class OneDense(nn.Module):
    """Linear and logistic regression, and the linear support vector machine: the loss tells them apart."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.fc = nn.Linear(inputs, outputs)

    def forward(self, x):
        return self.fc(x.flatten(1))


class Mlp(nn.Module):
    def __init__(self, inputs, first, second, outputs):
        super().__init__()
        self.fc1 = nn.Linear(inputs, first)
        self.fc2 = nn.Linear(first, second)
        self.out = nn.Linear(second, outputs)

    def forward(self, x):
        return self.out(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


class TwoInputs(nn.Module):
    """The inputs are the first and the last 32 columns of a sample."""

    def __init__(self):
        super().__init__()
        self.u = nn.Linear(32, 32)
        self.c = nn.Conv2d(1, 8, 3, padding=1)
        self.hidden = nn.Linear(32 + 8 * 4 * 8, 32)
        self.out = nn.Linear(32, 10)

    def forward(self, x):
        upper, lower = x[:, :32], x[:, 32:].reshape(-1, 1, 4, 8)
        both = torch.cat([F.relu(self.u(upper)), F.relu(self.c(lower)).flatten(1)], 1)
        return self.out(F.relu(self.hidden(both)))


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5, padding=2)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.f5 = nn.Linear(400, 120)
        self.f6 = nn.Linear(120, 84)
        self.out = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c3(x)), 2)
        return self.out(F.relu(self.f6(F.relu(self.f5(x.flatten(1))))))


class MnistCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.fc1 = nn.Linear(64 * 12 * 12, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class CifarCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1, bias=False)
        self.conv4 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(32), nn.BatchNorm2d(32)
        self.bn3, self.bn4 = nn.BatchNorm2d(64), nn.BatchNorm2d(64)
        self.fc1 = nn.Linear(64 * 8 * 8, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = F.relu(self.bn3(self.conv3(x)))
        x = F.max_pool2d(F.relu(self.bn4(self.conv4(x))), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class Block(nn.Module):
    """A residual block: 3x3 - 3x3, or the bottleneck 1x1 - 3x3 - 1x1 whose output is four times as wide."""

    def __init__(self, channels, width, stride, bottleneck):
        super().__init__()
        out = 4 * width if bottleneck else width
        if bottleneck:
            sizes = [(channels, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)]
        else:
            sizes = [(channels, width, 3, stride), (width, width, 3, 1)]
        self.count = len(sizes)
        for i, (a, b, kernel, step) in enumerate(sizes, 1):
            self.add_module(f"conv{i}", nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False))
            self.add_module(f"bn{i}", nn.BatchNorm2d(b))
        self.downsample = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        shortcut = self.downsample(x) if self.downsample else x
        for i in range(1, self.count + 1):
            x = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x))
            x = F.relu(x) if i < self.count else x
        return F.relu(x + shortcut)


class ResNet(nn.Module):
    """He et al., 2016; `stem`: the 7x7 convolution and pooling for ImageNet, else a 3x3 convolution."""

    def __init__(self, width, blocks, classes, bottleneck=False, stem=True):
        super().__init__()
        self.stem = stem
        self.conv1 = nn.Conv2d(3, width, *((7, 2, 3) if stem else (3, 1, 1)), bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels, self.stages = width, len(blocks)
        for stage, count in enumerate(blocks):
            layers = []
            for i in range(count):
                stride = 2 if stage > 0 and i == 0 else 1
                layers.append(Block(channels, width << stage, stride, bottleneck))
                channels = (width << stage) * (4 if bottleneck else 1)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(x, 3, 2, 1) if self.stem else x
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean((2, 3)))


def squared_hinge(z, t):
    return F.multi_margin_loss(z, t, p=2)


def two_classes(z, t):
    return F.binary_cross_entropy_with_logits(z, t[:, None].to(z.dtype))


@dataclasses.dataclass
class Model:
    build: typing.Callable[[], nn.Module]
    shape: tuple
    classes: int = 10  # 0: the target is a real number
    loss: typing.Callable = F.cross_entropy
    samples: int = 8
    inputs: dict = dataclasses.field(default_factory=dict)  # several: their shapes; columns of a sample, in order
    ids: tuple = ()  # features, values
    fixed: tuple = ()  # parameters that are not trained
    config: str = ""  # of a variant: the configuration
    overrides: list = dataclasses.field(default_factory=list)


MODELS = {
    "digits_cnn": Model(DigitsCnn, (1, 8, 8)),
    "digits_mlp": Model(lambda: Mlp(64, 64, 32, 10), (64,)),
    "digits_two_inputs": Model(TwoInputs, (64,), inputs={"upper": (32,), "lower": (1, 4, 8)}),
    "digits_regression": Model(lambda: OneDense(64, 1), (64,), 0, F.mse_loss),
    "mnist_logistic": Model(lambda: OneDense(784, 10), (1, 28, 28)),
    "mnist_svm": Model(lambda: OneDense(784, 10), (1, 28, 28), loss=squared_hinge),
    "mnist_mlp": Model(lambda: Mlp(784, 512, 256, 10), (1, 28, 28)),
    "mnist_cnn": Model(MnistCnn, (1, 28, 28)),
    "lenet5": Model(LeNet5, (1, 28, 28)),
    "cifar_cnn": Model(CifarCnn, (3, 32, 32)),
    "cifar_resnet20": Model(lambda: ResNet(16, (3, 3, 3), 10, stem=False), (3, 32, 32)),
    "synthetic_resnet18": Model(lambda: ResNet(64, (2, 2, 2, 2), 1000), (3, 64, 64), 1000, samples=4),
    # Its last stage normalises over 2x2 pixels a sample: with few samples, rounding is what the gradients show.
    "synthetic_resnet50": Model(lambda: ResNet(64, (3, 4, 6, 3), 1000, bottleneck=True), (3, 64, 64), 1000,
                                samples=8),
    "synthetic_tables": Model(recommenders.MadeUpClicks, (4,), 2, two_classes, ids=(5, 2)),
    "criteo_dlrm": Model(lambda: recommenders.Dlrm(13, 26, 16, (64, 32), (64, 32)), (13,), 2, two_classes, ids=(26, 1)),
    "criteo_logistic_ftrl": Model(lambda: recommenders.SparseLogistic(26), (), 2, two_classes, ids=(26, 1),
                                  fixed=("out.weight",)),
    "movielens_style_mf": Model(recommenders.MatrixFactorization, (), 2, two_classes, ids=(2, 1),
                                fixed=("biases.weight",)),
}

VARIANTS = {
    "wide_deep": Model(lambda: recommenders.WideDeep(13, 26, 8, (32, 16)), (13,), 2, two_classes, ids=(26, 1),
                       fixed=("wide.weight",), config="criteo_dlrm",
                       overrides=["--model.preset=wide_deep", "--model.dim=8", "--model.hidden=32,16"]),
    "deepfm": Model(lambda: recommenders.DeepFm(13, 26, 8, (32, 16)), (13,), 2, two_classes, ids=(26, 1),
                    fixed=("first_order.weight",), config="criteo_dlrm",
                    overrides=["--model.preset=deepfm", "--model.dim=8", "--model.hidden=32,16"]),
    "cross, shared keys": Model(lambda: recommenders.CrossNetwork(13, 3), (13,), 2, two_classes, ids=(3, 4),
                                config="criteo_dlrm",
                                overrides=["--model.preset=", "--data.ids=C1-C3", "--data.ignore=Id,C4-C26",
                                           "--data.ids_separator=|", "--data.ids_max=4",
                                           *(f"--model.input={line}" for line in recommenders.CrossNetwork.INPUTS),
                                           *(f"--model.layer={line}" for line in recommenders.CrossNetwork.LAYERS),
                                           "--model.loss=sigmoid_cross_entropy"]),
}
