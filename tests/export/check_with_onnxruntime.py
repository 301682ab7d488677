#!/usr/bin/env python3
"""Replays the goldens of exports with independent readers: onnx, onnxruntime and safetensors.

usage: check_with_onnxruntime.py FOLDER...   every folder below that holds model.onnx and goldens.safetensors

`TRIREME_PEERS_OUT=DIR export_tests --gtest_filter='*OnnxRoundTrip*'` writes one such folder per kind of layer.
Needs the packages numpy, onnx, onnxruntime and safetensors.
"""
import pathlib
import sys

import numpy
import onnx
import onnxruntime
from safetensors.numpy import load_file

TOLERANCE = 1e-4


def check(folder):
    model = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    goldens = load_file(folder / "goldens.safetensors")
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    for samples in (1, len(goldens["input"])):
        feeds = {session.get_inputs()[0].name: goldens["input"][:samples]}
        (got,) = session.run(["output"], feeds)
        numpy.testing.assert_allclose(got, goldens["output"][:samples], rtol=TOLERANCE, atol=TOLERANCE)
    return float(numpy.abs(got - goldens["output"]).max())


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folders = sorted({m.parent for root in sys.argv[1:] for m in pathlib.Path(root).rglob("model.onnx")})
    if not folders:
        sys.exit("no model.onnx below " + ", ".join(sys.argv[1:]))
    failures = 0
    for folder in folders:
        try:
            print(f"ok    {folder.name}: largest difference {check(folder):.3g}")
        except Exception as error:  # every folder is reported, whatever a reader throws
            failures += 1
            print(f"FAIL  {folder.name}: {error}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
