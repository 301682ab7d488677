"""Models on ids in PyTorch, written by hand from their papers, with Trireme's names of parameters and tables."""
import torch
from torch import nn
from torch.nn import functional as F

MASK = {bits: (1 << (64 - bits)) - 1 for bits in (27, 30, 31)}


def signed(word):
    return word - (1 << 64) if word >= 1 << 63 else word


def mix(a, b):
    """mix() of src/base/rng.h on int64 tensors, whose products wrap around as its unsigned words do."""
    def shifted(z, bits):
        return z >> bits & MASK[bits]

    z = a + signed(0x9E3779B97F4A7C15) * (b + 1)
    z = (z ^ shifted(z, 30)) * signed(0xBF58476D1CE4E5B9)
    z = (z ^ shifted(z, 27)) * signed(0x94D049BB133111EB)
    return z ^ shifted(z, 31)


class Table(nn.Module):
    """Rows under sorted keys; ids [N, features, values], -1: none, become [N, features, dim]."""

    def __init__(self, per_feature=True, mode="sum"):
        super().__init__()
        self.per_feature, self.mode, self.keys, self.rows = per_feature, mode, None, None

    def fill(self, keys, rows):
        self.keys, self.rows = keys, nn.Parameter(rows)

    def keys_of(self, ids):
        return mix(ids, torch.arange(ids.shape[1])[:, None]) if self.per_feature else ids

    def forward(self, ids):
        n, dim = self.rows.shape
        keys = self.keys_of(ids)
        index = torch.searchsorted(self.keys, keys).clamp(max=n - 1)
        there = (ids >= 0) & (self.keys[index] == keys)  # without a row: as if there were no id
        index = torch.where(there, index, n)
        rows = torch.cat([self.rows, self.rows.new_zeros(1, dim)])
        bags = F.embedding_bag(index.reshape(-1, ids.shape[2]), rows, mode=self.mode, padding_idx=n)
        return bags.reshape(ids.shape[0], ids.shape[1], dim)


class Recommender(nn.Module):
    """tables: by name. Their parameters are called table.NAME.rows."""

    def __init__(self, **tables):
        super().__init__()
        self.table = nn.ModuleDict(tables)

    def fill(self, weights, dtype):
        """Takes all of the program's weights, tables' rows with their keys."""
        for name, table in self.table.items():
            table.fill(weights[f"table.{name}.keys"], weights[f"table.{name}.rows"].to(dtype))
        dense = {n: w.to(dtype) for n, w in weights.items() if not n.startswith("table.")}
        left = self.load_state_dict(dense, strict=False)
        if left.unexpected_keys or any(not n.startswith("table.") for n in left.missing_keys):
            raise ValueError(f"parameters differ: {left}")

    def add_layers(self, prefix, widths):
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            self.add_module(f"{prefix}{i}", nn.Linear(a, b))
        return len(widths) - 1

    def through(self, prefix, count, x):
        for i in range(1, count + 1):
            x = F.relu(getattr(self, f"{prefix}{i}")(x))
        return x


def dot_interaction(vectors):
    """The first vector, then the products of all pairs i > j, by i and then j."""
    i, j = torch.tril_indices(vectors.shape[1], vectors.shape[1], offset=-1)
    return torch.cat([vectors[:, 0], (vectors @ vectors.mT)[:, i, j]], 1)


def factorization_machine(vectors):
    return (vectors.sum(1) ** 2 - (vectors ** 2).sum(1)).sum(1, keepdim=True) / 2


class SparseLogistic(Recommender):
    def __init__(self, features):
        super().__init__(out=Table())
        self.out = nn.Linear(features, 1)

    def forward(self, _, ids):
        return self.out(self.table["out"](ids).flatten(1))


class WideDeep(Recommender):
    def __init__(self, columns, features, dim, hidden):
        super().__init__(wide=Table(), emb=Table())
        self.wide = nn.Linear(features, 1, bias=False)
        self.count = self.add_layers("fc", [columns + features * dim, *hidden])
        self.deep = nn.Linear(hidden[-1], 1)

    def forward(self, x, ids):
        deep = self.through("fc", self.count, torch.cat([x, self.table["emb"](ids).flatten(1)], 1))
        return self.wide(self.table["wide"](ids).flatten(1)) + self.deep(deep)


class DeepFm(Recommender):
    def __init__(self, columns, features, dim, hidden):
        super().__init__(first_order=Table(), emb=Table())
        self.first_order = nn.Linear(features, 1, bias=False)
        self.count = self.add_layers("fc", [columns + features * dim, *hidden])
        self.deep = nn.Linear(hidden[-1], 1)

    def forward(self, x, ids):
        emb = self.table["emb"](ids)
        deep = self.deep(self.through("fc", self.count, torch.cat([x, emb.flatten(1)], 1)))
        return self.first_order(self.table["first_order"](ids).flatten(1)) + factorization_machine(emb) + deep


class Dlrm(Recommender):
    def __init__(self, columns, features, dim, bottom, top):
        super().__init__(emb=Table())
        self.below = self.add_layers("bottom", [columns, *bottom, dim])
        self.above = self.add_layers("top", [dim + features * (features + 1) // 2, *top])
        self.out = nn.Linear(top[-1], 1)

    def forward(self, x, ids):
        bottom = self.through("bottom", self.below, x)
        pairs = dot_interaction(torch.cat([bottom[:, None], self.table["emb"](ids)], 1))
        return self.out(self.through("top", self.above, pairs))


class MatrixFactorization(Recommender):
    def __init__(self):
        super().__init__(biases=Table(), emb=Table())
        self.biases = nn.Linear(2, 1)

    def forward(self, _, ids):
        emb = self.table["emb"](ids)
        return self.biases(self.table["biases"](ids).flatten(1)) + (emb[:, 0] * emb[:, 1]).sum(1, keepdim=True)


class MadeUpClicks(Recommender):
    """configs/synthetic_tables.ini"""

    def __init__(self):
        super().__init__(emb=Table(mode="mean"), wide=Table())
        self.bottom = nn.Linear(4, 8)
        self.hidden = nn.Linear(8 + 15 + 5, 16)
        self.out = nn.Linear(16, 1)

    def forward(self, x, ids):
        vectors = torch.cat([F.relu(self.bottom(x))[:, None], self.table["emb"](ids)], 1)
        both = torch.cat([dot_interaction(vectors), self.table["wide"](ids).flatten(1)], 1)
        return self.out(F.relu(self.hidden(both)))


class CrossNetwork(Recommender):
    """Wang et al., Deep & Cross Network, 2017: two cross layers, y = x0 (w.x + b) + x; a table for all features alike."""

    INPUTS = ["input: 13", "ids: 3x4 dtype=int64"]
    LAYERS = ["emb: embedding_bag from=ids dim=3 flat=true per_feature=false mode=mean", "x: concat from=input,emb",
              "c1: cross from=x,x", "c2: cross from=x,c1", "out: dense units=1"]

    def __init__(self, columns, features):
        super().__init__(emb=Table(per_feature=False, mode="mean"))
        width = columns + 3 * features
        self.c1, self.c2, self.out = nn.Linear(width, 1), nn.Linear(width, 1), nn.Linear(width, 1)

    def forward(self, x, ids):
        x0 = torch.cat([x, self.table["emb"](ids).flatten(1)], 1)
        x1 = x0 * self.c1(x0) + x0
        return self.out(x0 * self.c2(x1) + x1)
