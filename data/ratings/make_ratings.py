#!/usr/bin/env python3
"""Makes train.csv.gz and validation.csv.gz beside this script: who liked what, made up from hidden tastes.

A user's score of an item is the product of two hidden vectors of TASTES numbers and the item's popularity; what a user
liked is drawn by these scores, without replacement. One of it is held out: validation has for each user a list of it and
UNSEEN items that the user has not liked. Training has the others, each with NEGATIVES such items. The last lines say how
often the held-out item is among the 10 first of its list when items are ranked by how often they were liked in training,
and by the hidden scores themselves.
"""
import gzip
import math
import pathlib
import random

USERS, ITEMS, TASTES = 500, 400, 6
LIKED = (16, 40)  # items of a user, from and to
NEGATIVES, UNSEEN = 4, 99
TASTE, POPULARITY = 2.2, 0.9  # deviations of the two parts of a score

draw = random.Random(2026).random


def normal():
    return math.sqrt(-2 * math.log(1 - draw())) * math.cos(2 * math.pi * draw())


def below(n):
    return int(draw() * n)


def sample(items, count):
    """`count` different ones."""
    items = list(items)
    for i in range(count):
        j = i + below(len(items) - i)
        items[i], items[j] = items[j], items[i]
    return items[:count]


def vectors(count):
    return [[normal() / math.sqrt(TASTES) for _ in range(TASTES)] for _ in range(count)]


def rank(score, chosen, others):
    """Behind those with an equal score."""
    return 1 + sum(score(item) >= score(chosen) for item in others)


def report(name, ranks):
    hits = [r for r in ranks if r <= 10]
    ndcg = sum(1 / math.log2(1 + r) for r in hits) / len(ranks)
    print(f"{name}: hit rate at 10 {len(hits) / len(ranks):.4f}, NDCG at 10 {ndcg:.4f}")


def write(name, rows):
    text = "user,item,liked\n" + "".join(f"u{u},i{i},{liked}\n" for u, i, liked in rows)
    path = pathlib.Path(__file__).parent / name
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{name}: {len(rows)} rows")


def main():
    of_user, of_item = vectors(USERS), vectors(ITEMS)
    popularity = [POPULARITY * normal() for _ in range(ITEMS)]

    def score(user, item):
        product = sum(a * b for a, b in zip(of_user[user], of_item[item]))
        return TASTE * math.sqrt(TASTES) * product + popularity[item]

    train, validation, lists = [], [], []
    for user in range(USERS):
        # The largest of score + Gumbel noise: draws without replacement, by exp(score).
        noisy = sorted(range(ITEMS), key=lambda i: score(user, i) - math.log(-math.log(1 - draw())), reverse=True)
        count = LIKED[0] + below(LIKED[1] - LIKED[0] + 1)
        liked, unseen = sample(noisy[:count], count), sorted(noisy[count:])
        held_out, against = liked[0], sample(unseen, UNSEEN)
        lists.append((user, held_out, against))
        validation += [(user, held_out, 1)] + [(user, item, 0) for item in against]
        for item in liked[1:]:
            train += [(user, item, 1)] + [(user, other, 0) for other in sample(unseen, NEGATIVES)]

    write("train.csv.gz", train)
    write("validation.csv.gz", validation)
    times = [0] * ITEMS
    for _, item, liked in train:
        times[item] += liked
    report("by popularity", [rank(times.__getitem__, item, others) for _, item, others in lists])
    report("by the hidden scores", [rank(lambda i, u=user: score(u, i), item, others) for user, item, others in lists])


if __name__ == "__main__":
    main()
