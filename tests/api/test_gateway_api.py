"""How the Gateway API's objects are read: defaults, names in full, places."""

import pytest

from harness.api.gateway_api.gateway import KubernetesGateway, class_of
from harness.api.gateway_api.reference import ReferenceGrant
from harness.api.gateway_api.route import Route, Rpc
from harness.api.headers import HeaderChanges
from harness.base.matching import TextMatch
from tests.model.clusters import resource


def route(spec: str, kind: str = "HTTPRoute"):
    return Route.of(resource(kind, "shop/r", spec))


def rule(spec: str, kind: str = "HTTPRoute"):
    return route(f"{{rules: [{spec}]}}", kind).rules[0]


def match(spec: str, kind: str = "HTTPRoute"):
    return rule(f"{{matches: [{spec}]}}", kind).matches[0]


def test_an_empty_route_has_a_rule_for_everything():
    for kind, matches in (("HTTPRoute", 1), ("TLSRoute", 0), ("TCPRoute", 0)):
        read = route("{}", kind)
        assert (read.parents, read.hostnames, read.written_rules) == ((), (), ())
        assert [one.path for one in read.rules] == ["spec.rules[0]"]
        assert len(read.rules[0].matches) == matches
    assert route("{}").rules[0].matches[0].path_match == TextMatch("segments", "/")
    assert (route("{}", "GRPCRoute").rules, route("{rules: []}").rules) == ((), ())
    assert rule("{}", "GRPCRoute").matches[0].rpc == Rpc(None, None, is_regex=False)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{}", (TextMatch("segments", "/"), None, (), ())),
        ("{path: {type: Exact, value: /a}}", (TextMatch("exact", "/a"), None, (), ())),
        ("{path: {type: RegularExpression, value: '/a.'}}", (TextMatch("regex", "/a."), None, (), ())),
        ("{path: {value: /a}, method: GET}", (TextMatch("segments", "/a"), "GET", (), ())),
        (
            "{headers: [{name: X, value: v}], queryParams: [{name: q, type: RegularExpression, value: v+}]}",
            (
                TextMatch("segments", "/"),
                None,
                (("X", TextMatch("exact", "v")),),
                (("q", TextMatch("regex", "v+")),),
            ),
        ),
    ],
)
def test_matches(spec, expected):
    read = match(spec)
    assert (read.path_match, read.method, read.headers, read.query) == expected
    assert read.rpc is None
    assert read.path == "spec.rules[0].matches[0]"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{method: {service: s}}", Rpc("s", None, is_regex=False)),
        ("{method: {type: RegularExpression, service: s, method: 'm.'}}", Rpc("s", "m.", is_regex=True)),
    ],
)
def test_matches_of_calls(spec, expected):
    read = match(spec, "GRPCRoute")
    assert (read.rpc, read.path_match, read.method, read.query) == (expected, None, None, ())


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{name: p}", (None, "Gateway", "shop", "p", None, "")),
        ("{group: '', kind: Service, name: p, port: 80}", ("", "Service", "shop", "p", 80, "")),
        ("{name: p, namespace: edge, sectionName: s}", (None, "Gateway", "edge", "p", None, "s")),
    ],
)
def test_parents(spec, expected):
    [parent] = route(f"{{parentRefs: [{spec}]}}").parents
    assert expected == (
        parent.group,
        parent.kind,
        parent.namespace,
        parent.name,
        parent.port,
        parent.section,
    )
    assert parent.path == "spec.parentRefs[0]"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{name: b, port: 80}", ("", "Service", "shop", "b", 80, 1, True, False)),
        ("{group: core, name: b, weight: 0}", ("core", "Service", "shop", "b", None, 0, True, False)),
        (
            "{group: networking.istio.io, kind: Hostname, name: a.org, namespace: n}",
            ("networking.istio.io", "Hostname", "n", "a.org", None, 1, False, True),
        ),
    ],
)
def test_backends(spec, expected):
    [to] = rule(f"{{backendRefs: [{spec}]}}").backends
    read = (to.group, to.kind, to.namespace, to.name, to.port, to.weight, to.is_service, to.is_host)
    assert read == expected


HEADERS = "{set: [{name: A, value: a}], add: [{name: B, value: b}], remove: [C]}"


@pytest.mark.parametrize(
    ("spec", "read", "expected"),
    [
        (
            "{type: RequestHeaderModifier, requestHeaderModifier: " + HEADERS + "}",
            lambda one: one.header_changes,
            HeaderChanges((("A", "a"),), (("B", "b"),), ("C",)),
        ),
        ("{type: RequestRedirect, requestRedirect: {}}", lambda one: one.redirect.status, 302),
        (
            "{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: ''}}}",
            lambda one: (one.rewrite.path_modifier.full, one.rewrite.path_modifier.prefix),
            (None, ""),
        ),
        (
            "{type: RequestMirror, requestMirror: {backendRef: {name: m, port: 1}}}",
            lambda one: (one.mirror.to.namespace, one.mirror.to.port, one.mirror.percent),
            ("shop", 1, 100),
        ),
        (
            "{type: RequestMirror, requestMirror: {backendRef: {name: m}, fraction: {numerator: 1}}}",
            lambda one: one.mirror.percent,
            1.0,
        ),
        (
            "{type: RequestMirror, requestMirror: {backendRef: {name: m}, percent: 0}}",
            lambda one: one.mirror.percent,
            0,
        ),
        ("{type: CORS, cors: {allowOrigins: ['*']}}", lambda one: (one.cors.origins, one.cors.max_age), (("*",), 5)),
    ],
)  # fmt: skip
def test_filters(spec, read, expected):
    [one] = rule(f"{{filters: [{spec}]}}").filters
    assert read(one) == expected
    assert one.path == "spec.rules[0].filters[0]"


def test_timeouts_are_in_seconds():
    read = rule("{timeouts: {request: 1m30s, backendRequest: 0s}}")
    assert (read.request_timeout, read.backend_timeout) == (90.0, None)
    assert read.timeouts.request == "1m30s"


def test_listeners():
    gateway = KubernetesGateway.of(
        resource(
            "Gateway",
            "edge/g",
            "{gatewayClassName: istio, listeners: ["
            "{name: a, port: 80, protocol: HTTP},"
            "{name: b, port: 443, protocol: HTTPS, hostname: A.org, tls: {certificateRefs: [{name: c}]}},"
            "{name: c, port: 444, protocol: TLS, tls: {mode: Passthrough},"
            " allowedRoutes: {namespaces: {from: All}, kinds: [{kind: TLSRoute}]}}]}",
            api="gateway.networking.k8s.io/v1",
        )
    )
    plain, secure, passed = gateway.listeners
    assert (plain.hostname, secure.hostname, plain.tls) == ("*", "a.org", None)
    assert secure.tls is not None
    assert (secure.tls.istio_mode, secure.tls.certificates[0].namespace) == ("SIMPLE", "edge")
    assert passed.tls is not None
    assert passed.tls.istio_mode == "PASSTHROUGH"
    assert (plain.allowed.namespaces.source, passed.allowed.namespaces.source) == ("Same", "All")
    assert [(one.group, one.kind) for one in passed.allowed.kinds] == [
        ("gateway.networking.k8s.io", "TLSRoute")
    ]
    assert secure.server_name == "edge/g-istio-autogenerated-k8s-gateway-b"
    assert class_of(gateway.resource) == "istio"


@pytest.mark.parametrize(
    ("addresses", "deployed"),
    [
        ("", True),
        ("addresses: [{value: 10.0.0.1}]", True),
        ("addresses: [{type: Hostname, value: a.org}]", False),
        ("addresses: [{value: 10.0.0.1}, {value: 10.0.0.2}]", False),
    ],
)
def test_who_serves_a_gateway(addresses, deployed):
    read = KubernetesGateway.of(resource("Gateway", "edge/g", f"{{{addresses}}}"))
    assert read.is_deployed is deployed


def test_a_class_of_what_is_not_checked_yet():
    for spec in (None, "text", {"gatewayClassName": 3}):
        made = resource("Gateway", "edge/g", api="gateway.networking.k8s.io/v1")
        made.data["spec"] = spec
        assert class_of(made) in ("", "3")


def test_grants():
    read = ReferenceGrant.of(
        resource(
            "ReferenceGrant",
            "shop/g",
            "{from: [{group: g, kind: K, namespace: n}], to: [{group: '', kind: Service}]}",
        )
    )
    assert [(one.group, one.kind, one.namespace) for one in read.sources] == [("g", "K", "n")]
    assert [(one.group, one.kind, one.name) for one in read.targets] == [("", "Service", "")]


def test_what_nobody_reads_of_a_route_is_known():
    read = route(
        "{parentRefs: [{name: p, port: 1}], rules: [{name: n, filters: [{type: ExtensionRef, extensionRef: {name: x}}]}]}"
    )  # fmt: skip
    assert [(one.name, one.port) for one in read.parents] == [("p", 1)]
    assert [one.type for part in read.rules for one in part.filters] == ["ExtensionRef"]
    assert list(read.unread()) == ["spec.rules[0].name", "spec.rules[0].filters[0].extensionRef"]
