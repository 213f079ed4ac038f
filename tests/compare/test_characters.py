"""Texts with characters that are seldom used: whatever a rule names can be sent, if it can stand there."""

from __future__ import annotations

import pytest

from harness.analysis.compare import compare
from harness.analysis.compare.causes import causes
from harness.model import changes
from tests.compare.differing import differing
from tests.compare.test_comparison import NEW, TO_NEW, TO_WEB, WEB, estate, route, service
from tests.model.clusters import ISTIO, LINKERD, resource
from tests.model.test_istio_gateway import WORLD, bound, gateway, server, to


def istio(match: str):
    return estate(ISTIO, service("{match: [{" + match + "}], " + TO_NEW + "}, {" + TO_WEB + "}"))


def linkerd(match: str):
    return estate(LINKERD, route("{matches: [{" + match + "}], " + NEW + "}, {" + WEB + "}"))


# a match that one side has, and what an example of the difference shows
CASES = {
    "a header beyond ASCII": (istio, "headers: {x: {exact: müller}}", "x: müller"),
    "the beginning of one": (istio, "headers: {x: {prefix: mü}}", "x: mü"),
    "letters beyond ASCII": (istio, "headers: {x: {regex: '[ä-ü]'}}", "x: "),
    "all but ASCII": (istio, "headers: {x: {regex: '[^ -~]+'}}", "x: ɘ"),
    "all but what is usual": (istio, "headers: {x: {regex: '[^hz0/a-gA-Z]+'}}", "x: "),
    "a path beyond ASCII": (istio, "uri: {exact: /käse}", "/käse"),
    "a path with braces": (istio, "uri: {exact: '/a{b}|c'}", "/a{b}|c"),
    "an odd method": (istio, "method: {exact: M_1}", "M_1"),
    "capitals of a host": (istio, "authority: {exact: Web}", "host: Web"),
    "an escape in a query": (istio, "queryParams: {q: {exact: 'a%2Fb'}}", "?q=a%2Fb"),
    "signs in a query": (istio, "queryParams: {q: {exact: 'a=+b'}}", "?q=a=+b"),
    "a space in a query, decoded": (linkerd, "queryParams: [{name: q, value: 'a b'}]", "?q=a%20b"),
    "a percent sign": (linkerd, "queryParams: [{name: q, value: '50%'}]", "?q=50%25"),
    "more of a query": (
        linkerd, "queryParams: [{name: q, value: 'a b.+', type: RegularExpression}]", "?q=a%20b",
    ),
    "a header of Linkerd's": (linkerd, "headers: [{name: x, value: 'müller'}]", "x: müller"),
}  # fmt: skip


@pytest.mark.parametrize(("side", "match", "shown"), CASES.values(), ids=CASES)
def test_what_a_rule_names_is_sent(side, match, shown):
    found = differing(side(match), side("headers: [{name: none, value: none}]") if side is linkerd else istio("uri: {exact: /none}"))  # fmt: skip
    assert any(shown in str(each) for each in found)


# Istio's match, Linkerd's, and whether they differ
BOTH = {
    "an ampersand, which Istio sees escaped": ("a%26b", "a&b", False),
    "a space, which may be a plus": ("a%20b", "a b", True),
    "an escape, which Linkerd never sees": ("a%20b", "a%20b", True),
    "a space, which Istio never sees": ("a b", "a b", True),
    "a word": ("ab", "ab", False),
}


@pytest.mark.parametrize(("asked", "decoded", "differ"), BOTH.values(), ids=BOTH)
def test_linkerd_decodes_what_istio_takes_as_it_is(asked, decoded, differ):
    found = differing(
        istio(f"queryParams: {{q: {{exact: '{asked}'}}}}"), linkerd(f"queryParams: [{{name: q, value: '{decoded}'}}]")
    )  # fmt: skip
    assert bool(found) is differ


def test_linkerd_tries_no_expression_beyond_ascii():
    sides = (
        istio("headers: {x: {regex: '.+'}}"),
        linkerd("headers: [{name: x, value: '.+', type: RegularExpression}]"),
    )
    assert "beyond-ascii" in {name for each in compare(*sides).differences for name in causes(each)}
    assert differing(*sides) == []


@pytest.mark.parametrize(
    ("wanted", "other"), [("a.example:8080", "b.example:8080"), ("a.example:*", "none.example")]
)
def test_a_host_header_may_have_a_port(wanted, other):
    routed = (gateway(server(80, "HTTP", "'*'")), bound("http", to("v1", "uri: {prefix: /}")))

    def side(host: str):
        spec = f"{{selector: {{matchLabels: {{istio: ingressgateway}}}}, action: DENY, rules: [{{to: [{{operation: {{hosts: ['{host}']}}}}]}}]}}"
        return changes.apply(WORLD, [*routed, resource("AuthorizationPolicy", "istio-system/d", spec, "security.istio.io/v1")])  # fmt: skip

    found = differing(side(wanted), side(other))
    assert any(value.startswith("a.example:") for each in found for _, value in each.request.headers)
    assert differing(side(wanted), side(wanted)) == []
