"""One route, two meshes: where they agree, and where they don't."""

from __future__ import annotations

import pytest

from harness.base.errors import NotModelledError
from harness.model import Refused, changes
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource, send, told

WORLD = changes.apply(
    cluster(ISTIO, LINKERD),
    [
        *app("ist/client", "curlimages/curl"),
        *app("lnk/client", "curlimages/curl"),
        *app("bare/web", "l5d/echo:v1", 8080),
        *app("bare/v1", "l5d/echo:v1", 8080),
        *app("bare/v2", "l5d/echo:v1", 8080),
        resource("Service", "bare/empty", "{selector: {app: none}, ports: [{name: http, port: 80}]}"),
    ],
)

V1, V2 = "backendRefs: [{name: v1, port: 80}]", "backendRefs: [{name: v2, port: 80}]"
TO_V1, TO_V2, TO_WEB = ({f"200 from bare/{name}": 1} for name in ("v1", "v2", "web"))


def route(rules, name="bare/r", parent="{kind: Service, name: web, group: ''}", **more):
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return resource("HTTPRoute", name, f"{{parentRefs: [{parent}], rules: [{rules}]{rest}}}")


def path(kind, value):
    return f"matches: [{{path: {{type: {kind}, value: {value}}}}}]"


def backends(*weights):
    refs = (f"{{name: v{index}, port: 80, weight: {weight}}}" for index, weight in enumerate(weights, 1))
    return f"backendRefs: [{', '.join(refs)}]"


@pytest.mark.parametrize(
    ("routes", "url", "istio", "linkerd"),
    [
        ([route(f"{{{V1}}}")], "/", TO_V1, TO_V1),
        ([route(f"{{{backends(1, 3)}}}")], "/", {"200 from bare/v1": 0.25, "200 from bare/v2": 0.75}, ...),
        ([route(f"{{{backends(0)}}}")], "/", {"500": 1}, TO_V1),
        ([route(f"{{{backends(0, 0)}}}")], "/", {"500": 1}, {"empty reply (curl 52)": 1}),
        ([route("{matches: [{}]}")], "/", {"500": 1}, TO_WEB),
        ([route("{backendRefs: [{name: ghost, port: 80}]}")], "/", {"500": 1}, {"500": 1}),
        ([route("{backendRefs: [{name: v1, port: 81}]}")], "/", {"500": 1}, {"502": 1}),
        ([route("{backendRefs: [{name: empty, port: 80}]}")], "/", {"503": 1}, {"503": 1}),
        (
            [route("{backendRefs: [{name: empty, port: 80}, {name: v1, port: 80}]}")],
            "/",
            {"503": 0.5, "200 from bare/v1": 0.5},
            TO_V1,
        ),
        ([route(f"{{{path('Exact', '/a')}, {V1}}}")], "/b", {"404": 1}, {"404": 1}),
        (
            [route(f"{{{path('PathPrefix', '/a')}, {V1}}}, {{{path('Exact', '/a')}, {V2}}}")],
            "/a",
            TO_V2,
            TO_V1,
        ),
        (
            [route(f"{{{path('RegularExpression', '/a.*')}, {V1}}}, {{{path('PathPrefix', '/a')}, {V2}}}")],
            "/a/b",
            TO_V2,
            TO_V1,
        ),
        (
            [
                route(
                    f"{{matches: [{{method: GET}}], {V1}}}, {{matches: [{{headers: [{{name: x, value: a}}]}}], {V2}}}"
                )
            ],
            "/",
            TO_V1,
            TO_V2,
        ),
        ([route(f"{{{V1}}}", hostnames="[else.where]")], "/", TO_V1, {"404": 1}),
        ([route(f"{{{V1}}}", hostnames="['*.bare']")], "/", TO_V1, TO_V1),
        ([route(f"{{{V1}}}", parent="{kind: Service, name: web, group: core}")], "/", TO_WEB, TO_V1),
        ([route(f"{{{V1}}}", parent="{kind: Service, name: web}")], "/", TO_WEB, TO_WEB),
        ([route(f"{{{V1}}}", parent="{kind: Service, name: web, group: '', port: 81}")], "/", TO_WEB, TO_WEB),
        ([route(f"{{{V1}}}"), route(f"{{{V2}}}", "bare/q")], "/", TO_V2, TO_V2),
        (
            [
                route(
                    "{filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, "
                    f"replaceFullPath: /n}}}}}}], {V1}}}"
                )
            ],
            "/",
            TO_V1,
            TO_WEB,
        ),
    ],
)
def test_routes(routes, url, istio, linkerd):
    state = changes.apply(WORLD, routes)
    linkerd = istio if linkerd is ... else linkerd
    assert told(send(state, "ist/client", f"http://web.bare{url}", x="a")) == istio
    assert told(send(state, "lnk/client", f"http://web.bare{url}", x="a")) == linkerd


@pytest.mark.parametrize(
    ("parent_of", "istio", "linkerd"),
    [("ist", TO_V1, TO_WEB), ("lnk", TO_WEB, TO_V1), ("bare", TO_V1, TO_V1)],
)
def test_consumer_routes_are_for_their_namespace(parent_of, istio, linkerd):
    consumer = resource(
        "HTTPRoute",
        f"{parent_of}/r",
        "{parentRefs: [{kind: Service, name: web, group: '', namespace: bare}], "
        "rules: [{backendRefs: [{name: v1, port: 80, namespace: bare}]}]}",
    )
    state = changes.apply(WORLD, [consumer])
    assert told(send(state, "ist/client", "http://web.bare/")) == istio
    assert told(send(state, "lnk/client", "http://web.bare/")) == linkerd


@pytest.mark.parametrize(
    ("backend", "istio", "linkerd"),
    [
        # Istio looks beside the route, Linkerd beside the Service that the route is on.
        ("name: v1, port: 80", {"500": 1}, TO_V1),
        ("name: v1, port: 80, namespace: bare", TO_V1, TO_V1),
        ("name: v1, port: 80, namespace: lnk", {"500": 1}, {"500": 1}),
        ("name: client, port: 80", {"500": 1}, {"500": 1}),
    ],
)
def test_where_a_backend_without_namespace_is(backend, istio, linkerd):
    routes = [
        resource(
            "HTTPRoute",
            f"{namespace}/r",
            f"{{parentRefs: [{{kind: Service, name: web, group: '', namespace: bare}}], "
            f"rules: [{{backendRefs: [{{{backend}}}]}}]}}",
        )
        for namespace in ("ist", "lnk")
    ]
    state = changes.apply(WORLD, routes)
    assert told(send(state, "ist/client", "http://web.bare/")) == istio
    assert told(send(state, "lnk/client", "http://web.bare/")) == linkerd


def test_the_older_route_wins_a_tie():
    older, newer = route(f"{{{V1}}}", "bare/z"), route(f"{{{V2}}}", "bare/a")
    state = changes.apply(changes.apply(WORLD, [older]), [newer])
    for client in ("ist/client", "lnk/client"):
        assert told(send(state, client, "http://web.bare/")) == TO_V1


@pytest.mark.parametrize(
    ("redirect", "path_match", "istio", "linkerd"),
    [
        ("{hostname: a.b}", "", "http://a.b/x/y?q=1", "http://a.b/x/y?q=1"),
        ("{scheme: https, port: 443}", "", "https://web.bare/x/y?q=1", "https://web.bare/x/y?q=1"),
        ("{port: 81, statusCode: 301}", "", "http://web.bare:81/x/y?q=1", ...),
        (
            "{path: {type: ReplacePrefixMatch, replacePrefixMatch: /n}}",
            "matches: [{path: {type: PathPrefix, value: /x}}], ",
            "http://web.bare/n/y?q=1",
            ...,
        ),
        # Istio has Envoy replace `/` alone.
        (
            "{path: {type: ReplacePrefixMatch, replacePrefixMatch: /n}}",
            "matches: [{path: {type: PathPrefix, value: /}}], ",
            "http://web.bare/nx/y?q=1",
            "http://web.bare/n/x/y?q=1",
        ),
        (
            "{path: {type: ReplacePrefixMatch, replacePrefixMatch: /n/}}",
            "matches: [{path: {type: PathPrefix, value: /x}}], ",
            "http://web.bare/n//y?q=1",
            "http://web.bare/n/y?q=1",
        ),
        (
            "{path: {type: ReplaceFullPath, replaceFullPath: /n}}",
            "",
            "http://web.bare/n?q=1",
            "http://web.bare/n",
        ),
    ],
)
def test_redirects(redirect, path_match, istio, linkerd):
    one = route(f"{{{path_match}filters: [{{type: RequestRedirect, requestRedirect: {redirect}}}]}}")
    state = changes.apply(WORLD, [one])
    status = 301 if "301" in redirect else 302
    for client, wanted in (("ist/client", istio), ("lnk/client", istio if linkerd is ... else linkerd)):
        (group,) = send(state, client, "http://web.bare/x/y?q=1").groups
        assert (group.outcome.status, group.outcome.header("location")) == (status, wanted)


@pytest.mark.parametrize(
    ("prefix", "replacement", "path", "istio"),
    [
        ("/", "/n", "/x/y", "/nx/y"),
        ("/", "/n/", "/x", "/nx"),
        ("/", "/", "/x", "/x"),
        ("/", "/n", "/", "/n"),
        ("/x", "/n/", "/x/y", "/n/y"),
        ("/x", "/", "/x/y", "/y"),
        ("/x", "/", "/x", "/"),
        ("/x", "/n", "/x", "/n"),
    ],
)
def test_a_prefix_that_istio_replaces(prefix, replacement, path, istio):
    rewrite = f"{{path: {{type: ReplacePrefixMatch, replacePrefixMatch: {replacement}}}}}"
    matches = f"matches: [{{path: {{type: PathPrefix, value: {prefix}}}}}]"
    filters = f"filters: [{{type: URLRewrite, urlRewrite: {rewrite}}}]"
    state = changes.apply(WORLD, [route(f"{{{matches}, {filters}, {V1}}}")])
    (group,) = send(state, "ist/client", f"http://web.bare{path}").groups
    assert group.outcome.server_saw.path == istio


def test_linkerds_filters_of_a_backend_come_before_its_port_is_missed():
    redirect = "filters: [{type: RequestRedirect, requestRedirect: {hostname: a.b}}]"
    for backend, status in (
        (f"name: v1, port: 99, {redirect}", 302),
        (f"name: v9, port: 80, {redirect}", 500),
    ):
        state = changes.apply(WORLD, [route(f"{{backendRefs: [{{{backend}}}]}}")])
        (group,) = send(state, "lnk/client", "http://web.bare/").groups
        assert group.outcome.status == status


def grpc(rules, name="bare/g"):
    return resource(
        "GRPCRoute", name, f"{{parentRefs: [{{kind: Service, name: color, group: ''}}], rules: [{rules}]}}"
    )


COLORS = changes.apply(
    WORLD,
    [
        *app("bare/color", "ghcr.io/buoyantio/faces-color", 8000),
        *app("bare/color2", "ghcr.io/buoyantio/faces-color", 8000, COLOR="green"),
    ],
)
TO_COLOR2 = "backendRefs: [{name: color2, port: 80}]"
BY_COLOR, BY_COLOR2 = ({f"200 grpc-status 0 from bare/{name}": 1} for name in ("color", "color2"))


@pytest.mark.parametrize(
    ("rules", "url", "istio", "linkerd"),
    [
        (f"{{{TO_COLOR2}}}", "grpc://color.bare/ColorService/Edge", BY_COLOR2, BY_COLOR2),
        (
            f"{{matches: [{{method: {{service: ColorService, method: Edge}}}}], {TO_COLOR2}}}",
            "grpc://color.bare/ColorService/Edge",
            BY_COLOR2,
            BY_COLOR2,
        ),
        (
            f"{{matches: [{{method: {{method: Edge}}}}], {TO_COLOR2}}}",
            "grpc://color.bare/ColorService/Center",
            {"200 grpc-status 12": 1},
            {"200 grpc-status 5": 1},
        ),
        (f"{{{TO_COLOR2}}}", "http://color.bare/", {"500": 1}, {"received HTTP/0.9 (curl 1)": 1}),
    ],
)
def test_grpc_routes(rules, url, istio, linkerd):
    state = changes.apply(COLORS, [grpc(rules)])
    assert told(send(state, "ist/client", url)) == istio
    assert told(send(state, "lnk/client", url)) == linkerd


def http(rest, *, kind="HTTPRoute", version="v1", **spec):
    parent = spec.pop("parents", "{kind: Service, name: web, group: ''}")
    more = "".join(f", {key}: {value}" for key, value in spec.items())
    said = f"{{parentRefs: [{parent}], rules: [{rest}]{more}}}"
    return resource(kind, "bare/r", said, api=f"gateway.networking.k8s.io/{version}")


def filtered(kind, said):
    name = {"URLRewrite": "urlRewrite", "CORS": "cors"}.get(kind, kind[0].lower() + kind[1:])
    return http(f"{{filters: [{{type: {kind}, {name}: {said}}}], {V1}}}")


TWICE = "{kind: Service, name: web, group: ''}, {kind: Service, name: web, group: '', port: 80}"


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (http(f"{{{path('Exact', 'a')}, {V1}}}"), "value must be an absolute path"),
        (http(f"{{{path('Exact', '/a//b')}, {V1}}}"), "must not contain '//'"),
        (http(f"{{{path('PathPrefix', '/a/..')}, {V1}}}"), "must not end with '/..'"),
        (
            http(f"{{{path('Exact', '/a^b')}, {V1}}}"),
            "must only contain valid characters",
        ),
        (http(f"{{{V1}}}", hostnames="[Else.where]"), "in body should match"),
        (http(f"{{{V1}}}", parents=TWICE), "sectionName must be unique"),
        (
            http(f"{{{V1}}}", parents="{name: g}, {name: g, sectionName: a}"),
            "sectionName must be specified",
        ),
        (http(", ".join([f"{{{V1}}}"] * 17)), "spec.rules: Too many: 17: must have at most 16 items"),
        (http(f"{{backendRefs: [{', '.join([V1[14:-1]] * 17)}]}}"), "must have at most 16 items"),
        (filtered("RequestMirror", "{backendRef: {name: v2}}"), "Must have port for Service reference"),
        (
            filtered(
                "RequestMirror", "{backendRef: {name: v2, port: 80}, percent: 1, fraction: {numerator: 1}}"
            ),
            "Only one of percent or fraction",
        ),
        (
            filtered(
                "RequestMirror",
                "{backendRef: {name: v2, port: 80}, fraction: {numerator: 3, denominator: 2}}",
            ),
            "numerator must be less than or equal to denominator",
        ),
        (filtered("CORS", "{allowOrigins: ['*', 'https://a.b']}"), "AllowOrigins cannot contain '*'"),
        (
            filtered(
                "URLRewrite", "{path: {type: ReplaceFullPath, replaceFullPath: /, replacePrefixMatch: /}}"
            ),
            "type must be 'ReplacePrefixMatch' when replacePrefixMatch is set",
        ),
        (
            http(f"{{filters: [{{type: URLRewrite, urlRewrite: {{}}, cors: {{}}}}], {V1}}}"),
            "filter.cors must be nil if the filter.type is not CORS",
        ),
        (
            http("{matches: [{method: {type: Exact}}]}", kind="GRPCRoute"),
            "One or both of 'service' or 'method' must be specified",
        ),
        (http(f"{{{V1}}}", kind="TLSRoute"), "spec.hostnames: Required value"),
        (http(f"{{{V1}}}", kind="TLSRoute", hostnames="[]"), "should have at least 1 items"),
        (http(f"{{{V1}}}, {{{V1}}}", kind="TCPRoute"), "spec.rules: Too many: 2: must have at most 1 items"),
        (http("{backendRefs: []}", kind="TCPRoute"), "should have at least 1 items"),
        (http("{backendRefs: [{name: v1}]}", kind="TCPRoute"), "Must have port for Service reference"),
        (http(f"{{{V1}}}", kind="TCPRoute", version="v1beta1"), "no matches for kind"),
        (http(f"{{{V1}}}", kind="GRPCRoute", version="v1alpha2"), "no matches for kind"),
    ],
)
def test_what_the_api_refuses(one, words):
    with pytest.raises(Refused) as caught:
        changes.apply(WORLD, [one])
    assert words in caught.value.what


@pytest.mark.parametrize(
    "one",
    [
        http(f"{{{V1}}}", version="v1beta1"),
        http(f"{{name: first, {V1}}}", kind="GRPCRoute"),
        http(f"{{{V1}}}", kind="TLSRoute", version="v1alpha2"),
        http(f"{{{V1}}}", kind="TLSRoute", version="v1alpha3", hostnames="[a.b]"),
        http(f"{{{V1}}}, {{{V2}}}", kind="TCPRoute", version="v1alpha2"),
    ],
)
def test_what_the_api_takes(one):
    assert one in [stored.live for stored in changes.apply(cluster(ISTIO), [one]).stored(one.group, one.kind)]


def test_a_field_of_the_experimental_channel_that_isnt_modelled():
    with pytest.raises(NotModelledError) as caught:
        changes.apply(WORLD, [http(f"{{{V1}}}", useDefaultGateways="All")])
    assert caught.value.what == "HTTPRoute bare/r spec.useDefaultGateways isn't modelled"


def test_an_expression_that_envoy_refuses_is_not_modelled_under_istio_alone():
    state = changes.apply(WORLD, [route(f"{{{path('RegularExpression', '/a++')}, {V1}}}")])
    assert told(send(state, "lnk/client", "http://web.bare/aa")) == TO_V1
    with pytest.raises(NotModelledError, match=r"HTTPRoute bare/r spec.rules\[0\].matches\[0\].path.value"):
        send(state, "ist/client", "http://web.bare/aa")
