"""What the Gateway API asks of every mesh, in both meshes: routes on a Service.

The cases are the harness's own; each stands for one expectation of the API's mesh conformance profile.
"""

from __future__ import annotations

import json

import pytest

from harness.model import changes
from tests.model.clusters import ISTIO, LINKERD, app, cluster, deployment, resource, send, told

ECHO = "gateway-api/conformance/echo-advanced:v0.1.0"
PORTS = (
    "ports: [{name: http, port: 80, appProtocol: http, targetPort: 8080}, "
    "{name: http-alt, port: 8080, appProtocol: http}, "
    "{name: grpc, port: 7070, appProtocol: kubernetes.io/h2c}]"
)


def workload(name, **labels):
    container = {"name": "echo", "image": ECHO, "ports": [{"containerPort": 8080}]}
    return deployment(f"shop/{name}", {"containers": [container]}, {"labels": {"app": "echo", **labels}})


def service(name, **labels):
    wanted = ", ".join(f"{key}: {value}" for key, value in {"app": "echo", **labels}.items())
    return resource("Service", f"shop/{name}", f"{{selector: {{{wanted}}}, {PORTS}}}")


def world(mesh):
    """Namespaces as the conformance flags place them: neither asks for injection by itself."""
    state = changes.place(changes.place(cluster(mesh), "shop", [mesh]), "visitors", [mesh])
    return changes.apply(
        state,
        [
            *app("shop/client", "curlimages/curl"),
            *app("visitors/client", "curlimages/curl"),
            workload("one", version="v1"),
            workload("two", version="v2"),
            service("both"),
            service("one", version="v1"),
            service("two", version="v2"),
        ],
    )


WORLDS = {mesh: world(mesh) for mesh in (ISTIO, LINKERD)}
BOTH = (ISTIO, LINKERD)


def route(rules, parent="both", port=80, name="shop/r", kind="HTTPRoute"):
    where = f", port: {port}" if port else ""
    refs = f"{{group: '', kind: Service, name: {parent}, namespace: shop{where}}}"
    return resource(kind, name, f"{{parentRefs: [{refs}], rules: [{rules}]}}")


def to(name, port=8080, rest=""):
    return f"backendRefs: [{{name: {name}, namespace: shop, port: {port}{rest}}}]"


def prefix(path):
    return f"matches: [{{path: {{type: PathPrefix, value: {path}}}}}]"


def answered(state, url, source="shop/client", **headers):
    """The status, the workload that answered (if one did), and the outcome."""
    (group,) = send(state, source, url, **headers).groups
    backend = group.outcome.backend
    return group.outcome.status, backend.name if backend else "", group.outcome


MATCHING = (
    f"{{matches: [{{path: {{type: PathPrefix, value: /}}}}, {{headers: [{{name: version, value: one}}]}}], {to('one')}}}, "
    f"{{matches: [{{path: {{type: PathPrefix, value: /v2}}}}, {{headers: [{{name: version, value: two}}]}}], {to('two')}}}"
)
EXACT = (
    f"{{matches: [{{path: {{type: Exact, value: /v1}}}}], {to('one')}}}, "
    f"{{matches: [{{path: {{type: Exact, value: /v2}}}}], {to('two')}}}"
)
METHODS = f"{{matches: [{{method: GET}}], {to('one')}}}, {{matches: [{{method: PUT}}], {to('two')}}}"
NAMED = f"{{name: first, {prefix('/named')}, {to('one')}}}, {{{prefix('/unnamed')}, {to('two')}}}"
QUERY = ", ".join(
    (
        f"{{matches: [{{queryParams: [{{name: pet, value: cat}}]}}], {to('one')}}}",
        f"{{matches: [{{queryParams: [{{name: pet, value: dog}}]}}], {to('two')}}}",
        f"{{matches: [{{headers: [{{name: version, value: one}}], queryParams: [{{name: pet, value: cat}}]}}], {to('two')}}}",
        f"{{matches: [{{path: {{type: PathPrefix, value: /a}}, queryParams: [{{name: pet, value: fox}}]}}, "
        f"{{path: {{type: PathPrefix, value: /b}}, headers: [{{name: version, value: three}}], "
        f"queryParams: [{{name: pet, value: owl}}]}}], {to('one')}}}",
        f"{{matches: [{{path: {{type: PathPrefix, value: /c}}}}], {to('one')}}}",
        f"{{matches: [{{queryParams: [{{name: pet, value: eel}}]}}], {to('two')}}}",
    )
)


@pytest.mark.parametrize("mesh", BOTH)
@pytest.mark.parametrize(
    ("rules", "path", "headers", "wanted"),
    [
        pytest.param(f"{{{to('one')}}}", "/", {}, "one", id="simple"),
        pytest.param(MATCHING, "/", {}, "one", id="path root"),
        pytest.param(MATCHING, "/example", {}, "one", id="path below root"),
        pytest.param(MATCHING, "/", {"version": "one"}, "one", id="header"),
        pytest.param(MATCHING, "/v2", {}, "two", id="longer path"),
        pytest.param(MATCHING, "/v2/", {}, "two", id="longer path, slash"),
        pytest.param(MATCHING, "/v2/example", {}, "two", id="below longer path"),
        pytest.param(MATCHING, "/", {"version": "two"}, "two", id="other header"),
        pytest.param(MATCHING, "/v2example", {}, "one", id="no segment"),
        pytest.param(MATCHING, "/x/v2/example", {}, "one", id="not a prefix"),
        pytest.param(EXACT, "/v1", {}, "one", id="exact"),
        pytest.param(EXACT, "/v2", {}, "two", id="other exact"),
        pytest.param(EXACT, "/v2/", {}, 404, id="exact, slash"),
        pytest.param(METHODS, "/", {}, "one", id="method"),
        pytest.param(NAMED, "/named", {}, "one", id="named rule"),
        pytest.param(NAMED, "/unnamed", {}, "two", id="unnamed rule"),
        pytest.param(QUERY, "/?pet=cat", {}, "one", id="query"),
        pytest.param(QUERY, "/?pet=dog&color=x", {}, "two", id="query among others"),
        pytest.param(QUERY, "/?color=x", {}, 404, id="other query"),
        pytest.param(QUERY, "/?pet=catdog", {}, 404, id="query isn't a prefix"),
        pytest.param(QUERY, "/", {}, 404, id="no query"),
        pytest.param(QUERY, "/?pet=cat", {"version": "one"}, "two", id="query and header"),
        pytest.param(QUERY, "/a?pet=fox", {}, "one", id="either match"),
        pytest.param(QUERY, "/b?pet=owl", {"version": "three"}, "one", id="or the other"),
        pytest.param(QUERY, "/?pet=fox", {}, 404, id="a part of one match"),
        pytest.param(QUERY, "/b?pet=owl", {}, 404, id="a part of the other"),
        pytest.param(QUERY, "/c?pet=eel", {}, "one", id="path before query"),
    ],
)
def test_matching(mesh, rules, path, headers, wanted):
    state = changes.apply(WORLDS[mesh], [route(rules)])
    status, name, _ = answered(state, f"http://both{path}", **headers)
    assert (name or status) == wanted


@pytest.mark.parametrize("mesh", BOTH)
def test_a_route_is_for_its_frontend_only(mesh):
    changed = (
        "filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-set, value: a}]}}]"
    )
    state = changes.apply(WORLDS[mesh], [route(f"{{{changed}, {to('two', 80)}}}", parent="two", port=None)])
    for url, wanted in (("http://two/", "a"), ("http://both/", None), ("http://one/", None)):
        for group in send(state, "shop/client", url).groups:
            assert group.outcome.header("x-set") == wanted


@pytest.mark.parametrize(
    ("mesh", "dialled", "host", "wanted"),
    [
        # A Linkerd client goes by the address, an Istio client on a port named http by the Host header.
        (LINKERD, "two", "one", "two"),
        (LINKERD, "one", "two", "one"),
        (ISTIO, "two", "one", "one"),
        (ISTIO, "one", "two", "two"),
    ],
)
def test_which_frontend_a_foreign_host_header_means(mesh, dialled, host, wanted):
    _, name, _ = answered(WORLDS[mesh], f"http://{dialled}/", host=host)
    assert name == wanted


@pytest.mark.parametrize("mesh", BOTH)
def test_a_consumer_route_is_for_its_own_namespace(mesh):
    changed = (
        "filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-set, value: a}]}}]"
    )
    state = changes.apply(
        WORLDS[mesh], [route(f"{{{changed}, {to('one', 80)}}}", parent="one", port=None, name="visitors/r")]
    )
    _, _, theirs = answered(state, "http://one.shop/", "visitors/client")
    _, _, ours = answered(state, "http://one.shop/", "shop/client")
    assert (theirs.header("x-set"), ours.header("x-set")) == ("a", None)


@pytest.mark.parametrize("mesh", BOTH)
@pytest.mark.parametrize(
    ("parent", "port", "url", "wanted"),
    [
        ("one", 80, "http://one/", "a"),
        ("one", 80, "http://one:8080/", None),
        ("two", None, "http://two/", "a"),
        ("two", None, "http://two:8080/", "a"),
    ],
)
def test_a_parents_port(mesh, parent, port, url, wanted):
    changed = (
        "filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-set, value: a}]}}]"
    )
    state = changes.apply(WORLDS[mesh], [route(f"{{{changed}, {to(parent, 80)}}}", parent=parent, port=port)])
    assert answered(state, url)[2].header("x-set") == wanted


@pytest.mark.parametrize("mesh", BOTH)
@pytest.mark.parametrize(
    ("said", "path", "status", "location"),
    [
        ("hostname: example.org", "/x", 302, "http://example.org/x"),
        ("hostname: example.org, statusCode: 301", "/x", 301, "http://example.org/x"),
        ("statusCode: 303, path: {type: ReplaceFullPath, replaceFullPath: /y}", "/x", 303, "http://both/y"),
        ("statusCode: 307, path: {type: ReplaceFullPath, replaceFullPath: /y}", "/x", 307, "http://both/y"),
        ("statusCode: 308, path: {type: ReplaceFullPath, replaceFullPath: /y}", "/x", 308, "http://both/y"),
        (
            "path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}",
            "/x/lemon",
            302,
            "http://both/new/lemon",
        ),
        (
            "hostname: example.org, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}",
            "/x",
            302,
            "http://example.org/new",
        ),
        ("path: {type: ReplaceFullPath, replaceFullPath: /all}", "/x/lemon", 302, "http://both/all"),
        ("port: 8083", "/x", 302, "http://both:8083/x"),
        ("port: 8083, hostname: example.org, statusCode: 302", "/x", 302, "http://example.org:8083/x"),
        ("scheme: https", "/x", 302, "https://both/x"),
        ("scheme: https, statusCode: 301", "/x", 301, "https://both/x"),
        ("scheme: https, hostname: example.org", "/x", 302, "https://example.org/x"),
    ],
)
def test_redirects(mesh, said, path, status, location):
    rule = f"{{{prefix('/x')}, filters: [{{type: RequestRedirect, requestRedirect: {{{said}}}}}]}}"
    got, _, outcome = answered(changes.apply(WORLDS[mesh], [route(rule)]), f"http://both{path}")
    assert (got, outcome.header("location")) == (status, location)


CHANGES = (
    "{set: [{name: X-Set, value: new}, {name: X-Set-2, value: new-2}], "
    "add: [{name: X-Add, value: more}, {name: X-Add-2, value: more-2}], remove: [X-Gone, X-Gone-2]}"
)


@pytest.mark.parametrize("mesh", BOTH)
@pytest.mark.parametrize("place", ["rule", "backend"])
def test_request_headers(mesh, place):
    changed = f"filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {CHANGES}}}]"
    rule = f"{changed}, {to('one')}" if place == "rule" else to("one", rest=f", {changed}")
    state = changes.apply(WORLDS[mesh], [route(f"{{{rule}}}")])
    _, name, outcome = answered(state, "http://both/", x_set="old", x_add="old", x_gone="old", other="stays")
    seen = {}
    for key, value in outcome.server_saw.headers:
        seen.setdefault(key, []).append(value)
    assert name == "one"
    assert {key: ",".join(seen.get(key, ())) for key in ("x-set", "x-set-2", "x-add", "x-add-2")} == {
        "x-set": "new",
        "x-set-2": "new-2",
        "x-add": "old,more",
        "x-add-2": "more-2",
    }
    assert seen["other"] == ["stays"]
    assert "x-gone" not in seen


@pytest.mark.parametrize(
    ("said", "path", "wanted"),
    [
        ("path: {type: ReplacePrefixMatch, replacePrefixMatch: /one}", "/x/two", ("/one/two", "both")),
        ("path: {type: ReplacePrefixMatch, replacePrefixMatch: /}", "/x/three", ("/three", "both")),
        ("path: {type: ReplacePrefixMatch, replacePrefixMatch: /}", "/x", ("/", "both")),
        ("path: {type: ReplaceFullPath, replaceFullPath: /one}", "/x/two?q=1", ("/one?q=1", "both")),
        ("hostname: one.example", "/x", ("/x", "one.example")),
    ],
)
def test_rewrites_are_istios_alone(said, path, wanted):
    rule = f"{{{prefix('/x')}, filters: [{{type: URLRewrite, urlRewrite: {{{said}}}}}], {to('one')}}}"
    _, name, outcome = answered(changes.apply(WORLDS[ISTIO], [route(rule)]), f"http://both{path}")
    assert (name, (outcome.server_saw.path, outcome.server_saw.host)) == ("one", wanted)
    # Linkerd's index can't read the filter: the route is as if it weren't there.
    ignored = told(send(changes.apply(WORLDS[LINKERD], [route(rule)]), "shop/client", f"http://both{path}"))
    assert ignored == {"200 from shop/one": 0.5, "200 from shop/two": 0.5}


WEIGHTED = (
    "{backendRefs: [{name: one, port: PORT, weight: 70}, {name: two, port: PORT, weight: 30}, "
    "{name: both, port: PORT, weight: 0}]}"
)


@pytest.mark.parametrize("mesh", BOTH)
@pytest.mark.parametrize(
    ("kind", "port", "url"),
    [
        ("HTTPRoute", 8080, "http://both:8080/"),
        ("GRPCRoute", 7070, "grpc://both:7070/proto.EchoTestService/Echo"),
    ],
)
def test_weights(mesh, kind, port, url):
    state = changes.apply(WORLDS[mesh], [route(WEIGHTED.replace("PORT", str(port)), port=port, kind=kind)])
    shares = {group.outcome.backend.name: group.weight for group in send(state, "shop/client", url).groups}
    assert shares == {"one": pytest.approx(0.7), "two": pytest.approx(0.3)}


@pytest.mark.parametrize("mesh", BOTH)
def test_grpc_headers(mesh):
    changed = (
        "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-set, value: new}]}}]"
    )
    rules = f"{{matches: [{{headers: [{{name: case, value: set}}]}}], {changed}, {to('two', 7070)}}}"
    state = changes.apply(WORLDS[mesh], [route(rules, port=7070, kind="GRPCRoute")])
    _, name, outcome = answered(state, "grpc://both:7070/proto.EchoTestService/Echo", case="set", x_set="old")
    assert (name, outcome.grpc_status) == ("two", 0)
    assert "RequestHeader=X-Set:new\n" in outcome.body


@pytest.mark.parametrize("mesh", BOTH)
@pytest.mark.parametrize(
    ("timeouts", "url", "status"),
    [
        ("{request: 500ms}", "http://both/?delay=1s", 504),
        ("{request: 500ms}", "http://both/", 200),
        ("{request: 0s}", "http://both/?delay=30s", 200),
    ],
)
def test_timeouts(mesh, timeouts, url, status):
    state = changes.apply(WORLDS[mesh], [route(f"{{timeouts: {timeouts}, {to('one')}}}")])
    assert answered(state, url)[0] == status


@pytest.mark.parametrize(
    ("filters", "copies"),
    [
        ("{backendRef: {name: two, port: 8080}}", ["a copy goes to two.shop.svc.cluster.local"]),
        (
            "{backendRef: {name: two, port: 8080}, percent: 20}",
            ["a copy goes to two.shop.svc.cluster.local (20 % of requests)"],
        ),
        (
            "{backendRef: {name: two, port: 8080}, fraction: {numerator: 1, denominator: 8}}",
            ["a copy goes to two.shop.svc.cluster.local (12.5 % of requests)"],
        ),
    ],
)
def test_mirrors(filters, copies):
    rule = f"{{filters: [{{type: RequestMirror, requestMirror: {filters}}}], {to('one')}}}"
    (group,) = send(changes.apply(WORLDS[ISTIO], [route(rule)]), "shop/client", "http://both/").groups
    assert group.outcome.backend.name == "one"
    texts = [one.text.partition(";")[0] for one in group.trace if "a copy goes" in one.text]
    assert texts == copies


CORS = (
    "{allowOrigins: ['https://*.shop.example', 'https://one.example'], allowMethods: [GET, PUT], "
    "allowHeaders: [x-a], exposeHeaders: [x-b], allowCredentials: true, maxAge: 60}"
)


@pytest.mark.parametrize(
    ("origin", "method", "wanted"),
    [
        ("https://one.example", "GET", ("https://one.example", "two")),
        ("https://a.shop.example", "GET", ("https://a.shop.example", "two")),
        ("https://shop.example", "GET", (None, "two")),
        ("https://one.example", "OPTIONS", ("https://one.example", "")),
    ],
)
def test_cors(origin, method, wanted):
    rule = f"{{filters: [{{type: CORS, cors: {CORS}}}], {to('two')}}}"
    state = changes.apply(WORLDS[ISTIO], [route(rule)])
    headers = (
        {"origin": origin, "access_control_request_method": "PUT"}
        if method == "OPTIONS"
        else {"origin": origin}
    )
    (group,) = send(state, "shop/client", "http://both/", method, **headers).groups
    outcome = group.outcome
    backend = outcome.backend.name if outcome.backend else ""
    assert (outcome.header("access-control-allow-origin"), backend) == wanted
    if method == "OPTIONS":
        assert outcome.header("access-control-max-age") == "60"


def test_the_basic_echo_tells_the_request():
    basic = {"name": "echo", "image": "registry.example/gateway-api/echo-basic:v1.5.1"}
    state = changes.apply(
        cluster(),
        [
            *app("bare/client", "curlimages/curl"),
            deployment("bare/web", {"containers": [basic]}),
            resource("Service", "bare/web", "{selector: {app: web}, ports: [{port: 80, targetPort: 3000}]}"),
        ],
    )
    (group,) = send(state, "bare/client", "http://web/a?b=c", "PUT", x_one="1").groups
    body = json.loads(group.outcome.body)
    assert (body["path"], body["host"], body["method"]) == ("/a?b=c", "web", "PUT")
    assert (body["namespace"], body["headers"]) == ("bare", {"X-One": ["1"]})
    assert told(send(state, "bare/client", "http://web/status/418")) == {"418 from bare/web": 1}
