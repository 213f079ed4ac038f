"""The exact error rates of the sequential test of shares, over a grid of settings.

No simulation: the distribution of the counts that no look has decided yet is carried from look to look, as
sums of binomial probabilities, for a share with two classes. The tables are written into the page by
`python -m benchmarks.error_rates docs/statistics.md`.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from scipy.signal import convolve
from scipy.stats import binom

from harness.base.errors import HarnessError
from harness.base.settings import Confidence
from harness.traffic.sequential import tolerance
from harness.traffic.statistics import compare_sample, looks

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"

_NEGLIGIBLE = 1e-22
"""Counts less probable than this aren't looked at; they are told as neither passed nor failed."""

SHARES = (0.5, 0.7, 0.9, 0.95, 0.99, 0.995)
SETTINGS = (
    Confidence(),
    Confidence(deviation=0.02),
    Confidence(deviation=0.1),
    Confidence(false_fail=1e-3, false_pass=1e-2),
    Confidence(false_fail=0.05, false_pass=0.05, deviation=0.2),
)


class Rates(NamedTuple):
    """The probabilities that a test passes and fails; the requests that it takes on average, and at most."""

    passes: float
    fails: float
    mean: float
    most: int


def rates(expected: float, truth: float, confidence: Confidence) -> Rates:
    """Returns the exact rates of a test for a share of `expected` where it is `truth`."""
    share = Fraction(str(expected))
    wanted = {"a": share, "b": 1 - share}
    start, reached = 0, [1.0]
    before, passed, failed, mean = 0, 0.0, 0.0, 0.0
    sizes = looks(wanted, confidence)
    for size in sizes:
        mean += (size - before) * float(sum(reached))
        more = binom.pmf(range(size - before + 1), size - before, truth)
        likely = [index for index, probability in enumerate(more) if probability > _NEGLIGIBLE]
        here = convolve(reached, more[likely[0] : likely[-1] + 1], method="direct")
        start, before = start + likely[0], size
        undecided = [0.0] * len(here)
        for index, probability in enumerate(map(float, here)):
            if probability <= _NEGLIGIBLE:
                continue
            counts = {"a": Fraction(start + index), "b": Fraction(size - start - index)}
            holds = compare_sample(wanted, counts, confidence).holds
            passed += probability * (holds is True)
            failed += probability * (holds is False)
            undecided[index] = probability * (holds is None)
        left = [index for index, probability in enumerate(undecided) if probability]
        if not left:
            break
        start, reached = start + left[0], undecided[left[0] : left[-1] + 1]
    return Rates(passed, failed, mean, sizes[-1])


def _settings_words(confidence: Confidence) -> str:
    return (
        f"`--deviation {confidence.deviation:g} --false-fail {confidence.false_fail:g} "
        f"--false-pass {confidence.false_pass:g}`"
    )


def tables() -> str:
    """Returns a table for each setting, in Markdown."""
    lines = []
    for confidence in SETTINGS:
        lines += [
            f"### {_settings_words(confidence)}",
            "",
            "| expected | told from | correct, but fails | off by that, but passes "
            "| off by half of that, passes | gets nothing, passes | requests if correct | at most |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for expected in SHARES:
            off = tolerance(expected, confidence)
            try:
                right = rates(expected, expected, confidence)
                wrong = max(rates(expected, expected + side * off, confidence).passes for side in (1, -1))
                near = rates(expected, expected + off / 2, confidence).passes
                none = rates(expected, 1.0, confidence).passes
            except HarnessError as error:
                lines.append(f"| {_split(expected)} | ± {100 * off:.3g} | refused: {error.what} | | | | | |")
                continue
            lines.append(
                f"| {_split(expected)} | ± {100 * off:.3g} points | {right.fails:.1e} | {wrong:.1e} "
                f"| {near:.2f} | {none:.1e} | {right.mean:,.0f} | {right.most:,} |"
            )
        lines.append("")
    return "\n".join(lines)


def _split(share: float) -> str:
    return f"{100 * share:g}/{100 * (1 - share):.3g}"


def main(page: Path) -> None:
    """Writes the tables between the marks of a page."""
    text = page.read_text(encoding="utf-8")
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(f"{head}{BEGIN}\n\n{tables()}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
