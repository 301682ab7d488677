"""Interleaved measurement: every pair of turns sees the same machine."""
import dataclasses
import math
import statistics
import typing


def short(value):
    """Three digits, no exponent: 0.0123, 4.56, 789, 12300."""
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{round(value, digits):.{max(0, digits)}f}"


@dataclasses.dataclass
class Figure:
    """Median and range of several measurements."""

    values: list

    @property
    def median(self):
        return statistics.median(self.values)

    def text(self, scale=1.0):
        middle, low, high = (short(scale * v) for v in (self.median, min(self.values), max(self.values)))
        return f"{middle} ({low}-{high})"


@dataclasses.dataclass
class Turn:
    """One side of a comparison: who runs, and with which words."""

    contender: typing.Any
    words: tuple = ()
    repetitions: int = 0  # 0: as many as fit in a turn

    def seconds(self):
        return self.contender.run(self.repetitions, *self.words) / self.repetitions

    def calibrate(self, seconds):
        """As many repetitions as take about `seconds`; warms up on the way."""
        if self.repetitions:
            self.contender.run(1, *self.words)
            return
        self.repetitions = 1
        while (took := self.contender.run(self.repetitions, *self.words)) < seconds / 4:
            growth = seconds / took if took > 0 else 16
            self.repetitions = max(self.repetitions + 1, int(self.repetitions * min(growth, 16)))
        self.repetitions = max(1, int(self.repetitions * seconds / took))


def interleave(turns, pairs, seconds):
    """Seconds of one repetition of each turn, as Figures. The order is reversed from round to round."""
    for turn in turns:
        turn.calibrate(seconds)
    values = [[] for _ in turns]
    for i in range(pairs):
        order = range(len(turns)) if i % 2 == 0 else reversed(range(len(turns)))
        for k in order:
            values[k].append(turns[k].seconds())
    return [Figure(v) for v in values]


def ratio(above, below):
    """Of each pair."""
    return Figure([a / b for a, b in zip(above.values, below.values)])


@dataclasses.dataclass
class Row:
    """One line of the table."""

    what: str
    ours: str
    peer: str = ""
    times: str = ""    # the ratio, or what the target speaks of
    target: str = ""
    reached: str = ""  # "yes", "no: ...", or "" where there is no target
    roof: str = ""

    def cells(self):
        return (self.what, self.ours, self.peer, self.times, self.target, self.reached, self.roof)

    def __str__(self):
        return "; ".join(cell for cell in self.cells() if cell)


def judged(what, ours, peer, target, roof="", unit="us", peer_name="PyTorch"):
    """A Row that wants the peer's time to be `target` times ours."""
    scale = {"us": 1e6, "ms": 1e3, "s": 1}[unit]
    times = ratio(peer, ours)
    m = times.median
    reached = "yes" if m >= target else f"no: {100 * (1 - m / target):.0f} % short"
    return Row(what, f"{ours.text(scale)} {unit}", f"{peer_name}: {peer.text(scale)} {unit}", f"{times.text()}x",
               f"{target:g}x", reached, roof)
