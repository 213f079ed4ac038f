"""Progress: one line on a terminal that goes away, a line now and then elsewhere, none for what is quick."""

from __future__ import annotations

import io

import pytest

from harness.analysis.compare.jobs import shared_out
from harness.cli.progress import Progress


class Stream(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


CASES = {
    "quick, on a terminal": (True, [0.2, 0.9], ""),
    "quick, elsewhere": (False, [0.2, 29], ""),
    "on a terminal": (
        True,
        [0.5, 1.2, 1.25, 3.6],
        "\r\x1b[Kcomparing: 2 of 4, 1 s\r\x1b[Kcomparing: 4 of 4, 4 s\r\x1b[K",
    ),
    "elsewhere": (False, [10, 31, 45, 61.5], "comparing: 2 of 4, 31 s\ncomparing: 4 of 4, 62 s\n"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_told(case, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    is_terminal, moments, told = CASES[case]
    now = iter([0.0, *moments])
    stream = Stream(is_terminal=is_terminal)
    with Progress("comparing", stream, lambda: next(now)) as progress:
        for number, _ in enumerate(moments, start=1):
            progress(number, len(moments))
    assert stream.getvalue() == told


def test_a_terminal_that_can_draw_nothing_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream, now = Stream(is_terminal=True), iter([0.0, 2.0, 31.0])
    with Progress("comparing", stream, lambda: next(now)) as progress:
        progress(1, 2)
        progress(2, 2)
    assert stream.getvalue() == "comparing: 2 of 2, 31 s\n"


def broken(progress):
    progress(1, 2)
    raise ValueError("a fault")


def test_the_line_is_gone_after_an_error(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream, now = Stream(is_terminal=True), iter([0.0, 2.0])
    with (
        pytest.raises(ValueError, match="a fault"),
        Progress("comparing", stream, lambda: next(now)) as progress,
    ):
        broken(progress)
    assert stream.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_part_is_told_in_order(jobs):
    told = []
    assert shared_out(lambda number: number * 2, 5, jobs, lambda done, count: told.append((done, count))) == [
        0,
        2,
        4,
        6,
        8,
    ]
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
