"""Counters in the Prometheus text format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAMPLE = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)", re.MULTILINE)
_LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Sample:
    """One line: a metric's name, its labels, its value."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float

    def label(self, name: str) -> str:
        return dict(self.labels).get(name, "")


def samples(text: str, *names: str) -> Iterator[Sample]:
    """Yields the samples of these metrics."""
    for match in _SAMPLE.finditer(text):
        if match[1] in names:
            yield Sample(match[1], tuple(_LABEL.findall(match[2] or "")), float(match[3]))


def growth(before: str, after: str, *names: str) -> Iterator[Sample]:
    """Yields how much each series of these metrics grew, a restarted or new one from 0."""
    old = {(sample.name, sample.labels): sample.value for sample in samples(before, *names)}
    for sample in samples(after, *names):
        start = old.get((sample.name, sample.labels), 0.0)
        grown = sample.value - start if sample.value >= start else sample.value
        yield Sample(sample.name, sample.labels, grown)
