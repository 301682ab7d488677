"""All comparisons; the last line counts them. tests/peers.sh sets up what this needs and calls it."""
import sys

import classical
import exports
import gradients
import ranking
import trainings
from program import PROGRAM, Tally

if not PROGRAM.is_file():
    sys.exit(f"{PROGRAM} does not exist: build Trireme first, or set TRIREME")
tally = Tally()
gradients.check(tally, list(gradients.MODELS) + list(gradients.VARIANTS))
exports.check(tally, list(exports.RUNS))
classical.check(tally)
ranking.check(tally)
trainings.check(tally, list(trainings.TRAININGS))
print(f"{tally.passed} passed, {tally.failed} failed")
sys.exit(1 if tally.failed or not tally.passed else 0)
