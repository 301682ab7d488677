"""Criteo's CSV files as configs/criteo_*.ini declare them, read without the program: columns, ids, and the order of samples."""
import csv

import numpy
import torch

from recommenders import mix, signed

COLUMNS, IDS = [f"I{i}" for i in range(1, 14)], [f"C{i}" for i in range(1, 27)]
WORD = (1 << 64) - 1
PRIMES = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def rotated(word, bits):
    return (word << bits | word >> (64 - bits)) & WORD


def xxh64(data, seed=0):
    """XXH64 of fewer than 32 bytes (Collet, xxHash specification, steps 1 to 7 for small inputs)."""
    p1, p2, p3, p4, p5 = PRIMES
    assert len(data) < 32
    h = (seed + p5 + len(data)) & WORD
    while len(data) >= 8:
        lane = rotated(int.from_bytes(data[:8], "little") * p2 & WORD, 31) * p1 & WORD
        h, data = (rotated(h ^ lane, 27) * p1 + p4) & WORD, data[8:]
    if len(data) >= 4:
        h, data = (rotated(h ^ (int.from_bytes(data[:4], "little") * p1 & WORD), 23) * p2 + p3) & WORD, data[4:]
    for byte in data:
        h = rotated(h ^ (byte * p5 & WORD), 11) * p1 & WORD
    h = (h ^ h >> 33) * p2 & WORD
    h = (h ^ h >> 29) * p3 & WORD
    return h ^ h >> 32


def hashed(text, column):
    return xxh64(text.encode(), xxh64(column.encode())) & (1 << 63) - 1


class Clicks:
    """labels [N], ids [N, 26, 1], and columns [N, 13]: log(1 + max(0, x)), gaps filled, normalised as `like` is, or by
    these samples themselves."""

    def __init__(self, path, like=None):
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        self.labels = torch.tensor([int(row["Label"]) for row in rows])
        self.ids = torch.tensor([[hashed(row[c], c) for c in IDS] for row in rows])[:, :, None]
        raw = numpy.array([[float(row[c] or "nan") for c in COLUMNS] for row in rows])
        values = numpy.log1p(numpy.maximum(raw, 0))
        self.fill = like.fill if like else numpy.nanmean(values, 0)
        filled = numpy.where(numpy.isnan(values), self.fill, values)
        self.mean, self.std = (like.mean, like.std) if like else (filled.mean(0), filled.std(0))
        self.columns = torch.from_numpy((filled - self.mean) / self.std)

    def __len__(self):
        return len(self.labels)


def hash_name(text):
    """FNV-1a, as in src/base/rng.h."""
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001B3 & WORD
    return torch.tensor(signed(h))


def permutation(n, seed, epoch):
    """The order of an epoch's samples: data.order = full, as src/data/permutation.cpp draws it."""
    key = mix(mix(torch.tensor(seed), hash_name("order")), torch.tensor(epoch))
    half = ((n - 1).bit_length() + 1) // 2

    def encrypted(x):
        left, right = x >> half, x & (1 << half) - 1
        for r in range(6):
            left, right = right, left ^ mix(key + r, right) & (1 << half) - 1
        return left << half | right

    places = encrypted(torch.arange(n))
    while (places >= n).any():
        places = torch.where(places >= n, encrypted(places), places)
    return places


def batches(n, batch_size, steps, seed=42):
    """Which samples each step takes; an epoch's last batch may be smaller."""
    epoch = 0
    while True:
        order = permutation(n, seed, epoch)
        for begin in range(0, n, batch_size):
            if steps == 0:
                return
            steps -= 1
            yield order[begin:begin + batch_size]
        epoch += 1
