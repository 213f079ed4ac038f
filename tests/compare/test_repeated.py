"""Headers and parameters that are there twice: which of their values rules look at."""

from __future__ import annotations

import pytest

from harness.analysis.compare import compare
from harness.analysis.compare.causes import causes
from harness.base.vocabulary import Workload
from harness.model import Model
from harness.traffic.request import Request
from tests.compare.differing import differing
from tests.compare.test_comparison import NEW, TO_NEW, TO_WEB, WEB, estate, route, service
from tests.model.clusters import ISTIO, LINKERD

ONE, OTHER = "{name: x, value: '1'}", "{name: x, value: '2'}"


def linkerd(field: str, *order: tuple[str, str]):
    rules = (f"{{matches: [{{{field}: [{value}]}}], {backend}}}" for value, backend in order)
    return estate(LINKERD, route(", ".join((*rules, f"{{{WEB}}}"))))


@pytest.mark.parametrize("field", ["headers", "queryParams"])
def test_which_of_two_rules_takes_a_request_of_both_is_asked(field):
    sides = [linkerd(field, *order) for order in ([(ONE, WEB), (OTHER, NEW)], [(OTHER, NEW), (ONE, WEB)])]
    (found,) = {each.parts: each for each in differing(*sides)}.values()
    sent = (
        found.request.query.split("&")
        if field == "queryParams"
        else [f"{n}={v}" for n, v in found.request.headers]
    )
    assert sorted(sent) == ["x=1", "x=2"]
    assert differing(sides[0], sides[0]) == []


def istio(*rules: str):
    return estate(ISTIO, service(", ".join((*rules, f"{{{TO_WEB}}}"))))


def sides_of(field: str, name: str):
    rules = (
        f"{{match: [{{{field}: {{{name}: {{exact: '{value}'}}}}}}], {to}}}"
        for value, to in (("1", TO_WEB), ("2", TO_NEW))
    )
    wanted = ("headers" if field == "headers" else "queryParams", f"{{name: {name}, value: '1'}}")
    routed = (wanted[1], WEB), (wanted[1].replace("1", "2"), NEW)
    return istio(*rules), linkerd(wanted[0], *routed)


@pytest.mark.parametrize(("field", "name"), [("queryParams", "x"), ("headers", "user-agent")])
def test_what_meshes_make_of_them_is_put_down_to_the_meshes(field, name):
    sides = sides_of(field, name)
    assert {name for each in compare(*sides).differences for name in causes(each)} >= {"sent-twice"}
    assert differing(*sides) == []


def test_both_meshes_look_at_each_line_of_most_headers():
    sides = sides_of("headers", "x")
    assert differing(*sides) == []
    assert "sent-twice" not in {name for each in compare(*sides).differences for name in causes(each)}


# What a rule asks of a header, and what it says of lines with a and b. Observed with Istio 1.31.
MATCHES = {
    "exact: a": True,
    "exact: b": True,
    "exact: 'a,b'": False,
    "prefix: b": True,
    "regex: 'a,b'": False,
    "regex: '[b]'": True,
}


@pytest.mark.parametrize("match", MATCHES)
@pytest.mark.parametrize("field", ["headers", "withoutHeaders"])
def test_envoy_compares_each_line_of_a_header(field, match):
    model = Model(istio(f"{{match: [{{{field}: {{x: {{{match}}}}}}}], {TO_NEW}}}"))
    sent = Request(Workload("shop", "client"), "http://web/", headers=(("x", "a"), ("x", "b")))
    (answer,) = model.decide(sent).answers
    to = "new" if MATCHES[match] is (field == "headers") else "web"
    assert str(answer.outcome) == f"200 from shop/{to}"


@pytest.mark.parametrize("match", MATCHES)
def test_envoy_has_one_text_of_some_headers(match):
    model = Model(istio(f"{{match: [{{headers: {{authorization: {{{match}}}}}}}], {TO_NEW}}}"))
    lines = Request(
        Workload("shop", "client"), "http://web/", headers=(("authorization", "a"), ("authorization", "b"))
    )
    (answer,) = model.decide(lines).answers
    to = "new" if match in ("exact: 'a,b'", "regex: 'a,b'") else "web"
    assert str(answer.outcome) == f"200 from shop/{to}"


def test_a_text_of_two_lines_is_asked_as_one():
    both = istio(f"{{match: [{{headers: {{x: {{exact: 'a,b'}}}}}}], {TO_NEW}}}")
    (found,) = differing(both, istio())
    assert found.request.headers == (("x", "a,b"),)
