"""Colour: of the word that says how bad a line is, on a terminal that wants it, and nowhere else."""

from __future__ import annotations

import io

import pytest

from harness.base.vocabulary import Workload
from harness.cli.colour import coloured, is_coloured
from harness.cli.output import tell
from harness.model.model import Decision
from harness.report.decision import tree
from harness.traffic.outcomes import Outcomes
from harness.traffic.request import Request

CASES = {
    "a trap": (
        "a/b.yaml:3:1: error: Service a/b: no",
        "a/b.yaml:3:1: \x1b[1;31merror\x1b[0m: Service a/b: no",
    ),
    "a finding": ("f.yaml:7:5: lost [fault] V", "f.yaml:7:5: \x1b[1;31mlost\x1b[0m [fault] V"),
    "a kind of difference": ("opened: let in now", "\x1b[1;31mopened\x1b[0m: let in now"),
    "proven": ("proven: 3 classes", "\x1b[1;32mproven\x1b[0m: 3 classes"),
    "not proven": ("4 not proven: 3 classes", "4 \x1b[1;31mnot proven\x1b[0m: 3 classes"),
    "a feature": ("  translates     X", "  \x1b[1;32mtranslates\x1b[0m     X"),
    "a key of YAML": ("  words: a", "  words: a"),
    "inside of a line": ("what: error: no", "what: error: no"),
    "a longer word": ("errors: 3\nlost-and-found: 1", "errors: 3\nlost-and-found: 1"),
    "each line": ("words: a\nwarning: b", "\x1b[2mwords\x1b[0m: a\n\x1b[1;33mwarning\x1b[0m: b"),
}


class Stream(io.StringIO):
    encoding = "utf-8"

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.mark.parametrize("case", CASES)
def test_the_word_at_the_head_has_the_colour(case):
    text, told = CASES[case]
    assert coloured(text) == told


@pytest.mark.parametrize(
    ("is_terminal", "environment", "expected"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_who_gets_colours(monkeypatch, is_terminal, environment, expected):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_coloured(Stream(is_terminal=is_terminal)) is expected
    stream = Stream(is_terminal=is_terminal)
    monkeypatch.setattr("sys.stdout", stream)
    tell("error: a\x1b[31mb")
    word = "\x1b[1;31merror\x1b[0m" if expected else "error"
    assert stream.getvalue().startswith(f"{word}: a")
    assert "\x1b[31m" not in stream.getvalue()


def test_an_explanation_on_a_terminal_has_colours_and_shows_all_other_controls():
    told = tree(Decision(Request(Workload("a", "b"), "http://c/\x1b[31m"), "", Outcomes(())), 80, colour=True)
    assert "\x1b[1m" in told
    assert "\x1b[31m" not in told
    assert "\\u001b[31m" in told
