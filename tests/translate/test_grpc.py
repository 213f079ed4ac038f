"""Rules for a gRPC port become GRPCRoutes where those can say them, HTTPRoutes where not; never both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.analysis.translate import Severity, translate
from tests.compare.differing import differing
from tests.model.clusters import resource
from tests.translate.estates import before_and_after, workload

if TYPE_CHECKING:
    from harness.base.resources import Resource


def service(name: str, port: str) -> Resource:
    app = name.rpartition("/")[2]
    return resource("Service", name, f"{{selector: {{app: {app}}}, ports: [{port}]}}")


GRPC = "{name: grpc, port: 80, targetPort: 8080}"
APPS = [
    *(one for name in ("shop/cart", "shop/calc", "shop/sums") for one in workload(name) if one.kind != "Service"),
    service("shop/calc", GRPC),
    service("shop/sums", GRPC),
]  # fmt: skip


def rules(http: str) -> Resource:
    return resource("VirtualService", "shop/calc", "{hosts: [calc], http: " + http + "}")


CALC, SUMS = "route: [{destination: {host: calc}}]", "route: [{destination: {host: sums}}]"

# VirtualService's rules; the matches and annotations of the GRPCRoutes, in order
ROUTES = {
    "no match": (f"[{{{SUMS}}}]", [([None], {})]),
    "a method": (
        f"[{{match: [{{uri: {{exact: /math.Calc/Add}}}}], {SUMS}}}, {{{CALC}}}]",
        [([[{"method": {"type": "Exact", "service": "math.Calc", "method": "Add"}}], None], {})],
    ),
    "a service before one of its methods": (
        f"[{{match: [{{uri: {{prefix: /math.Calc/}}, headers: {{x-user: {{exact: jason}}}}}}], {SUMS}}}, {{match: [{{uri: {{exact: /math.Calc/Add}}}}], {CALC}}}]",
        [
            (
                [
                    [
                        {"method": {"type": "Exact", "service": "math.Calc"}, "headers": [{"name": "x-user", "value": "jason"}]},
                        {"method": {"type": "Exact", "service": "math.Calc", "method": "Add"}, "headers": [{"name": "x-user", "value": "jason"}]},
                    ],
                    [{"method": {"type": "Exact", "service": "math.Calc", "method": "Add"}}],
                ],
                {},
            )
        ],
    ),
    "POST is what calls are": (f"[{{match: [{{method: {{exact: POST}}}}], {SUMS}}}]", [([None], {})]),
    "time, and gRPC's own statuses": (
        f"[{{match: [{{uri: {{prefix: /math.Calc/}}}}], {SUMS}, timeout: 2s, retries: {{attempts: 2, retryOn: unavailable}}}}, {{{CALC}}}]",
        [
            (
                [[{"method": {"type": "Exact", "service": "math.Calc"}}]],
                {"retry.linkerd.io/grpc": "unavailable", "retry.linkerd.io/limit": "2", "timeout.linkerd.io/request": "2s"},
            ),
            ([None], {}),
        ],
    ),
}  # fmt: skip

# what no GRPCRoute can say
KEPT = {
    "a prefix inside of a service's name": f"[{{match: [{{uri: {{prefix: /math.}}}}], {SUMS}}}, {{{CALC}}}]",
    "an expression": f"[{{match: [{{uri: {{regex: '/math.*/Add'}}}}], {SUMS}}}, {{{CALC}}}]",
    "a path that is no call": f"[{{match: [{{uri: {{exact: /healthz}}}}], {SUMS}}}, {{{CALC}}}]",
    "a method that calls don't have": f"[{{match: [{{method: {{exact: GET}}}}], {SUMS}}}, {{{CALC}}}]",
    "a query": f"[{{match: [{{queryParams: {{q: {{exact: a}}}}}}], {SUMS}}}, {{{CALC}}}]",
    "a redirect": f"[{{match: [{{uri: {{exact: /math.Calc/Add}}}}], redirect: {{authority: sums}}}}, {{{CALC}}}]",
    "HTTP statuses": f"[{{{SUMS}, retries: {{attempts: 2, retryOn: '503'}}}}]",
}


EXPLAINED = {"200 grpc-status 5": "NOT_FOUND", "200 grpc-status 4 after 2 s": "DEADLINE_EXCEEDED"}
"""What an answer that differs is called in the finding about it."""


@pytest.mark.parametrize(("http", "routes"), ROUTES.values(), ids=ROUTES)
def test_calls_fare_alike_by_grpc_routes(http: str, routes: list[object]):
    before, after, made = before_and_after([rules(http)], APPS)
    found = [
        ([rule.get("matches") for rule in one.data["spec"]["rules"]], one.data["metadata"].get("annotations", {}))
        for one in made.objects
        if one.kind == "GRPCRoute"
    ]  # fmt: skip
    assert found == routes
    assert "HTTPRoute" not in {one.kind for one in made.objects}
    told = next(one.why for one in made.findings if (one.topic, one.severity) == ("grpc", Severity.CHANGED))
    assert "other HTTP requests get no answer" in told
    for one in differing(before, after):
        if one.request.url.startswith("grpc:"):
            assert {"grpc_status", "arrivals"}.issuperset(one.parts)
            assert EXPLAINED[str(one.after)] in told
        else:
            assert {str(answer.failure) for answer, _ in one.after.shares} == {"received HTTP/0.9 (curl 1)"}


@pytest.mark.parametrize("http", KEPT.values(), ids=KEPT)
def test_what_no_grpc_route_can_say_stays_an_http_route(http: str):
    before, after, made = before_and_after([rules(http)], APPS)
    assert {one.kind for one in made.objects} == {"HTTPRoute"}
    assert "grpc" in {one.topic for one in made.findings if one.severity is Severity.CHECK}
    assert differing(before, after) == []


@pytest.mark.parametrize(
    ("port", "kind"),
    {
        "{name: grpc-api, port: 80}": "GRPCRoute",
        "{name: api, appProtocol: grpc, port: 80}": "GRPCRoute",
        "{name: grpc-web, port: 80}": "HTTPRoute",
        "{name: http2, port: 80}": "HTTPRoute",
        "{name: api, port: 80}": "HTTPRoute",
    }.items(),
)
def test_a_port_says_by_its_name_or_app_protocol_that_it_is_for_grpc(port: str, kind: str):
    made = translate([service("shop/calc", port), service("shop/sums", GRPC), rules(f"[{{{SUMS}}}]")])
    assert {one.kind for one in made.objects} == {kind}
