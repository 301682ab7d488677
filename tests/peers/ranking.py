"""Holds hit rate and NDCG of configs/movielens_style_mf.ini against scikit-learn, and its data against their script."""
import gzip
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy
from sklearn.metrics import ndcg_score

from program import ROOT, Tally, run, train

RATINGS = ROOT / "data" / "ratings"
CONFIG, K = "movielens_style_mf", 10
TOLERANCE = 1e-9


def made_again(folder):
    """The files of data/ratings are what their script writes; returns the hit rate by popularity that it prints."""
    script = shutil.copy(RATINGS / "make_ratings.py", folder)
    printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    for name in ("train.csv.gz", "validation.csv.gz"):
        if gzip.decompress((folder / name).read_bytes()) != gzip.decompress((RATINGS / name).read_bytes()):
            raise ValueError(f"{name} is not what make_ratings.py writes")
    return float(re.search(r"by popularity: hit rate at 10 ([0-9.]+)", printed)[1])


def lists():
    """Users and labels of the validation lists, [lists, samples of a list], each user's samples together."""
    text = gzip.decompress((RATINGS / "validation.csv.gz").read_bytes()).decode()
    rows = [line.split(",") for line in text.splitlines()[1:]]
    users = numpy.array([row[0] for row in rows]).reshape(len({row[0] for row in rows}), -1)
    assert (users == users[:, :1]).all()
    return numpy.array([int(row[2]) for row in rows]).reshape(users.shape), text


def compare(folder):
    directory = train(CONFIG, folder / "run", "--export.formats=safetensors", ranks=3)
    labels, text = lists()
    (folder / "lists.csv").write_text(text)
    run("predict", directory / "export", "--input", folder / "lists.csv", "--output", folder / "p.npy")
    scores = numpy.load(folder / "p.npy")[:, 1].reshape(labels.shape)
    chosen = scores[labels == 1][:, None]
    ranks = 1 + ((scores >= chosen) & (labels == 0)).sum(1)
    expected = {"hit_rate_10": (ranks <= K).mean(), "ndcg_10": ndcg_score(labels, scores, k=K)}
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    ours = [m for m in lines if m["kind"] == "evaluation"][-1]
    for name, value in expected.items():
        if abs(ours[f"validation/{name}"] - value) > TOLERANCE:
            raise ValueError(f"{name} is {ours[f'validation/{name}']}, {value} by the predictions")
    return ", ".join(f"{name} {value:.4f}" for name, value in expected.items())


def check(tally):
    print("ranking metrics against scikit-learn")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tally.attempt("ratings, made again", lambda: f"hit rate by popularity {made_again(folder):.4f}")
        tally.attempt("hit rate and NDCG at 10", compare, folder)


if __name__ == "__main__":
    result = Tally()
    check(result)
    sys.exit(1 if result.failed else 0)
