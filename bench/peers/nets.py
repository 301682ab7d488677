"""The models of bench/experiments/ in PyTorch, as a careful user would write them for speed."""
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "peers"))
import models  # noqa: E402  (tests/peers/models.py: the same parameters, by name)


class MnistCnn(models.MnistCnn):
    """With the dropout that comparisons of values leave out."""

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
        x = F.relu(self.fc1(F.dropout(x, 0.25, self.training).flatten(1)))
        return self.fc2(F.dropout(x, 0.5, self.training))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.out = nn.Linear(128, 10)

    def forward(self, x):
        return self.out(F.relu(self.fc1(x.flatten(1))))


NETS = {  # name: model, shape of a sample
    "lenet5": (models.LeNet5, (1, 28, 28)),
    "mnist_cnn": (MnistCnn, (1, 28, 28)),
    "mlp": (Mlp, (1, 28, 28)),
    "resnet20": (lambda: models.ResNet(16, (3, 3, 3), 10, stem=False), (3, 32, 32)),
    "resnet50": (lambda: models.ResNet(64, (3, 4, 6, 3), 1000, bottleneck=True), (3, 224, 224)),
}


def batches(shape, batch, channels_last, device="cpu"):
    """All batches of 2048 resident samples (two batches of large ones): views, nothing is copied in a step."""
    samples = 2048 if max(shape) < 100 else 2 * batch
    x = torch.randn(samples, *shape, device=device)
    x = x.to(memory_format=torch.channels_last) if channels_last else x
    y = torch.randint(0, 10, (samples,), device=device)
    return [(x[i:i + batch], y[i:i + batch]) for i in range(0, samples - batch + 1, batch)]
