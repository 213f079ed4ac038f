"""Attributes of explored requests answer questions, and give nothing else away."""

from __future__ import annotations

import pytest

from harness.base import explored
from harness.base.explored import Attribute, Journal, Seconds, Status, Unasked
from harness.base.matching import TextMatch

# what a rule may ask of the text /a/b, the answer, and the test that is recorded
ASKED = {
    "equal": (lambda text: text == "/a", False, TextMatch("exact", "/a")),
    "reversed": (lambda text: text == "/a/b", True, TextMatch("exact", "/a/b")),
    "unequal": (lambda text: text != "/a", True, TextMatch("exact", "/a")),
    "among": (lambda text: text in ("/x", "/a/b"), True, TextMatch("exact", "/a/b")),
    "begins": (lambda text: text.startswith("/a"), True, TextMatch("prefix", "/a")),
    "ends": (lambda text: text.endswith("/a"), False, TextMatch("suffix", "/a")),
    "there": (bool, True, TextMatch("exact", "")),
    "condition": (TextMatch("segments", "/a").holds, True, TextMatch("segments", "/a")),
}

# ways to look at a text without asking it
UNASKED = {
    "looked up": lambda text: text in {"/a/b": 1},
    "split": lambda text: text.split("/"),
    "length": len,
    "sorted": lambda text: sorted([text, "/"]),
    "character": lambda text: text[0],
    "characters": list,
    "replaced": lambda text: text.replace("/", ""),
    "counted": lambda text: text.count("/"),
    "encoded": lambda text: text.encode(),
}


def path(value: str = "/a/b") -> tuple[Attribute, Journal]:
    journal = Journal({"path": value})
    return journal.text("path"), journal


@pytest.mark.parametrize(("ask", "answer", "test"), ASKED.values(), ids=ASKED)
def test_what_is_asked_is_recorded(ask, answer, test):
    text, journal = path()
    assert ask(text) is answer
    asked = journal.asked[-1]
    assert (asked.attribute, asked.test) == ("path", test)
    assert asked.holds("/a/b")


@pytest.mark.parametrize("look", UNASKED.values(), ids=UNASKED)
def test_what_looks_without_asking_is_refused(look):
    text, journal = path()
    with pytest.raises(Unasked):
        look(text)
    assert journal.asked == []


def test_a_part_is_asked_for_as_the_whole():
    text, journal = path()
    rewritten = "/x" + text[len("/a") :]
    assert rewritten == "/x/b"
    begins, equal = journal.asked[-2:]
    assert begins.test == TextMatch("prefix", "/a")
    assert [equal.holds(value) for value in ("/a/b", "/a/c", "/q/b")] == [True, False, True]
    assert str(rewritten) != str(text)
    assert str("/a" + text[len("/a") :]) == str(text)  # what is put back was never away


def test_numbers_are_asked_too():
    journal = Journal({"status": 200, "seconds": 0.0})
    assert not Status("status", journal) >= 500
    assert journal.asked[-1].holds(499)
    assert not journal.asked[-1].holds(503)
    left = 5 - (Seconds(journal) + 2)
    assert left > 0
    assert not journal.asked[-1].holds(3600.0)
    with pytest.raises(Unasked):
        hash(Status("status", journal))


def test_functions_of_few_values_are_asked():
    text, journal = path("shop")
    assert explored.of(str.upper, text) == "SHOP"
    assert not journal.asked[-1].holds("ops")
