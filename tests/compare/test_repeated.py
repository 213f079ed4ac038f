"""Headers and parameters that are there twice: Envoy takes them as one, Linkerd looks at each."""

from __future__ import annotations

from itertools import product

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


def test_what_meshes_make_of_them_is_put_down_to_the_meshes():
    rules = (
        f"{{match: [{{headers: {{x: {{exact: '{value}'}}}}}}], {to}}}"
        for value, to in (("1", TO_WEB), ("2", TO_NEW))
    )
    sides = istio(*rules), linkerd("headers", (ONE, WEB), (OTHER, NEW))
    assert {name for each in compare(*sides).differences for name in causes(each)} >= {"sent-twice"}
    assert differing(*sides) == []


MATCHES = ["exact: a", "exact: 'a,b'", "prefix: a", "regex: 'a,.+'", "regex: '.*b'"]


@pytest.mark.parametrize(
    ("match", "values"), list(product(MATCHES, [("a", "b"), ("b", "a"), ("a",), ("a,b",)]))
)
def test_envoy_takes_lines_of_a_header_as_one_text(match, values):
    model = Model(istio(f"{{match: [{{headers: {{x: {{{match}}}}}}}], {TO_NEW}}}"))
    client = Workload("shop", "client")
    apart, joined = (
        model.decide(Request(client, "http://web/", headers=tuple(("x", value) for value in lines)))
        for lines in (values, [",".join(values)])
    )
    assert [str(each.outcome) for each in apart.answers] == [str(each.outcome) for each in joined.answers]


def test_a_text_of_two_lines_is_asked_as_one():
    both = istio(f"{{match: [{{headers: {{x: {{exact: 'a,b'}}}}}}], {TO_NEW}}}")
    (found,) = differing(both, istio())
    assert found.request.headers == (("x", "a,b"),)
