"""Turns rounds into what is reported: medians, ratios with bootstrap intervals, markdown tables. Pure: no I/O."""

import random
import statistics

# Resamples of one interval; the ends are steady to a hundredth from some thousand on.
RESAMPLES = 2_000


def ratio(ours, theirs, *, more_is_better):
    """How many times as good as `theirs` ours is, with a 95 % bootstrap interval: `(ratio, low, high)`.

    Both are lists over the same rounds; whole rounds are drawn, so that a slow phase of the machine weighs on both.
    """
    rounds = [pair for pair in zip(ours, theirs, strict=True) if None not in pair]
    if not rounds:
        return None

    def of(drawn):
        mine, others = (statistics.median(column) for column in zip(*drawn, strict=True))
        return mine / others if more_is_better else others / mine

    dice = random.Random(1)
    drawn = sorted(of(dice.choices(rounds, k=len(rounds))) for _ in range(RESAMPLES))
    return of(rounds), drawn[RESAMPLES // 40], drawn[-RESAMPLES // 40]


def median(values):
    """The median of the rounds that worked, or None."""
    worked = [value for value in values if value is not None]
    return statistics.median(worked) if worked else None


def spread(values):
    """Smallest and largest of the rounds that worked."""
    worked = [value for value in values if value is not None]
    return (min(worked), max(worked)) if worked else (None, None)


def table(head, rows):
    """A markdown table; `None` is a dash."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(show(cell) for cell in line) + " |" for line in lines)


def show(cell):
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.2f}" if abs(cell) < 10 else f"{cell:.1f}"
    return str(cell)
