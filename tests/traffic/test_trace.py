"""Typed steps: their words come last."""

from __future__ import annotations

import ast
from fractions import Fraction
from pathlib import Path

import pytest

from harness.base.places import Location
from harness.base.resources import Resource
from harness.base.vocabulary import Workload
from harness.report.trace import data
from harness.traffic.trace import NAMED, Action, Step, built_in, leaves, listed, step, words

ROUTE = Resource("networking.istio.io/v1", "VirtualService", "shop", "web", {}, Location("context it"))
SERVICE = Resource("v1", "Service", "shop", "web", {})
WEB = Workload("shop", "web")

# a step, its words
WORDS = {
    "an object's field": (
        step(ROUTE, "spec.http[0]", Action.DELAYED, "delays by {:g} s", 2.0),
        "VirtualService shop/web spec.http[0]: delays by 2 s (context it)",
    ),
    "passed over": (
        step(SERVICE, "", Action.OUTRANKED, "comes after {}", ROUTE),
        "not taken: Service shop/web: comes after VirtualService shop/web",
    ),
    "a built-in rule": (built_in(Action.ANSWERED, "{} answers", WEB), "shop/web answers"),
    "words in words": (
        built_in(Action.FAILED, "{}: closed", words("{} isn't for {}", "a", WEB)),
        "a isn't for shop/web: closed",
    ),
    "a list": (built_in(Action.DENIED, "({})", listed((ROUTE, SERVICE))), "(VirtualService shop/web, Service shop/web)"),
    "braces in parts": (built_in(Action.UNMATCHED, "{}", "/{**}"), "not taken: /{**}"),
    "braces without parts": (built_in(Action.UNMATCHED, "/{x}"), "not taken: /{x}"),
    "several objects": (
        Step(Action.NOT_MODELLED, "left out", (), ROUTE, also=(ROUTE,) * NAMED),
        "not taken: VirtualService shop/web, shop/web, shop/web and 1 more: left out (context it)",
    ),
    "other words": (
        step(SERVICE, "spec", Action.MATCHED, "names {}", WEB).reworded(Action.FAILED, "{}", "no pods"),
        "Service shop/web spec: no pods",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("made", "expected"), WORDS.values(), ids=WORDS)
def test_words(made: Step, expected: str):
    assert str(made) == expected


def test_steps_are_equal_by_what_they_say():
    one, same = (step(ROUTE, "spec", Action.SHARED, "takes {} of {}", 1, 2) for _ in range(2))
    assert one == same
    assert len({one, same, step(ROUTE, "spec", Action.SHARED, "takes {} of {}", 2, 2)}) == 2


def test_parts_are_those_of_words_too():
    inner = words("{} of {}", 1, words("{}", WEB))
    assert list(leaves((ROUTE, inner))) == [ROUTE, 1, WEB]
    assert list(built_in(Action.MATCHED, "{} {}", inner, SERVICE).links) == [SERVICE]


def test_plain_data_has_the_types():
    made = Step(
        Action.SHARED, "{} of {:g}, {} by {}, {}", (1, 0.5, Fraction(1, 3), WEB, SERVICE), ROUTE, "spec", 1,
        ((WEB, Fraction(1, 2)),),
    )  # fmt: skip
    service = {"group": "", "kind": "Service", "namespace": "shop", "name": "web"}
    assert data(made) == {
        "taken": True,
        "action": "shared",
        "text": "1 of 0.5, 1/3 by shop/web, Service shop/web",
        "resource": "VirtualService shop/web",
        "object": {
            "group": "networking.istio.io",
            "kind": "VirtualService",
            "namespace": "shop",
            "name": "web",
        },
        "also": [],
        "field": "spec",
        "where": "context it",
        "place": None,
        "parts": [
            {"number": 1},
            {"number": 0.5},
            {"number": {"exact": "1/3", "float": 1 / 3}},
            {"workload": {"namespace": "shop", "name": "web"}},
            {"object": service},
        ],
        "links": [{**service, "where": ""}],
        "depth": 1,
        "arrivals": [{"workload": "shop/web", "requests": {"exact": "1/2", "float": 0.5}}],
    }
    assert data(Step(Action.ANSWERED, "answers", arrivals=None))["arrivals"] is None


MAKERS = {"step": 3, "built_in": 1, "words": 0, "Step": 1}
"""Functions that take a template, and which argument it is."""


def test_templates_are_written_not_made():
    """What stands in words is a part of them: a template that is made of parts can't be told from words."""
    for file in (Path(__file__).parents[2] / "harness").rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in MAKERS:
                index = MAKERS[call.func.id]
                made = call.args[index : index + 1]
                assert not any(isinstance(one, ast.JoinedStr) for one in made), (file, call.lineno)
