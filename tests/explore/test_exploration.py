"""Exploring costs what there is to tell apart."""

from __future__ import annotations

from harness.analysis.explore import exploration
from harness.analysis.explore.answers import Answers
from harness.analysis.explore.kinds import Kind
from harness.base.explored import Journal, Which

HOSTS = [f"{letter}{number}.example" for letter in "abc" for number in range(20)]
KIND = Kind(characters="abc.0123456789xmple")


def look_up(values):
    """Asks for one host after the other, whichever it was."""
    journal = Journal(values)
    for host in HOSTS:
        test = Which(frozenset([host]))
        journal.record("host", test, test.holds(values["host"]))
    return Answers(), journal.asked


def test_what_is_known_of_a_name_is_not_solved_again(monkeypatch):
    solved = []
    original = exploration.value_for
    monkeypatch.setattr(exploration, "value_for", lambda *args: solved.append(args) or original(*args))
    found = exploration.explore(look_up, {"host": "z.example"}, lambda _: KIND)
    assert {each.values["host"] for each in found.classes} == {"z.example", *HOSTS}
    assert len(solved) == len(HOSTS)


def test_classes_of_two_names_have_nothing_in_common():
    found = exploration.explore(look_up, {"host": "z.example"}, lambda _: KIND)
    one, other = (each for each in found.classes if each.values["host"] in HOSTS[:2])
    assert not list(exploration.in_both(one, other, lambda _: KIND))
    assert list(exploration.in_both(one, one, lambda _: KIND))
