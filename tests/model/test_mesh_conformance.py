"""Routes on a Service, in both meshes, beyond what the API's mesh tests ask (scenarios/conformance)."""

from __future__ import annotations

import json

import pytest

from harness.model import changes
from tests.model.clusters import ISTIO, LINKERD, app, cluster, deployment, resource, send, told

ECHO = "gateway-api/conformance/echo-advanced:v0.1.0"
PORTS = (
    "ports: [{name: http, port: 80, appProtocol: http, targetPort: 8080}, "
    "{name: http-alt, port: 8080, appProtocol: http}]"
)


def workload(name, **labels):
    container = {"name": "echo", "image": ECHO, "ports": [{"containerPort": 8080}]}
    return deployment(f"shop/{name}", {"containers": [container]}, {"labels": {"app": "echo", **labels}})


def service(name, **labels):
    wanted = ", ".join(f"{key}: {value}" for key, value in {"app": "echo", **labels}.items())
    return resource("Service", f"shop/{name}", f"{{selector: {{{wanted}}}, {PORTS}}}")


def world(mesh):
    return changes.apply(
        changes.place(cluster(mesh), "shop", [mesh]),
        [
            *app("shop/client", "curlimages/curl"),
            workload("one", version="v1"),
            workload("two", version="v2"),
            service("both"),
            service("one", version="v1"),
            service("two", version="v2"),
        ],
    )


WORLDS = {mesh: world(mesh) for mesh in (ISTIO, LINKERD)}
BOTH = (ISTIO, LINKERD)


def route(rules):
    parent = "{group: '', kind: Service, name: both, port: 80}"
    return resource("HTTPRoute", "shop/r", f"{{parentRefs: [{parent}], rules: [{rules}]}}")


def to(name):
    return f"backendRefs: [{{name: {name}, port: 8080}}]"


def prefix(path):
    return f"matches: [{{path: {{type: PathPrefix, value: {path}}}}}]"


def answered(state, url):
    """The status, the workload that answered (if one did), and the outcome."""
    (group,) = send(state, "shop/client", url).groups
    backend = group.outcome.backend
    return group.outcome.status, backend.name if backend else "", group.outcome


EXACT = (
    f"{{matches: [{{path: {{type: Exact, value: /v1}}}}], {to('one')}}}, "
    f"{{matches: [{{path: {{type: Exact, value: /v2}}}}], {to('two')}}}"
)
METHODS = f"{{matches: [{{method: GET}}], {to('one')}}}, {{matches: [{{method: PUT}}], {to('two')}}}"


@pytest.mark.parametrize("mesh", BOTH)
@pytest.mark.parametrize(
    ("rules", "path", "wanted"),
    [
        pytest.param(EXACT, "/v1", "one", id="exact"),
        pytest.param(EXACT, "/v2", "two", id="other exact"),
        pytest.param(EXACT, "/v2/", 404, id="exact, slash"),
        pytest.param(METHODS, "/", "one", id="method"),
    ],
)
def test_matching(mesh, rules, path, wanted):
    status, name, _ = answered(changes.apply(WORLDS[mesh], [route(rules)]), f"http://both{path}")
    assert (name or status) == wanted


@pytest.mark.parametrize("mesh", BOTH)
@pytest.mark.parametrize(
    ("said", "path", "status", "location"),
    [
        ("statusCode: 303, path: {type: ReplaceFullPath, replaceFullPath: /y}", "/x", 303, "http://both/y"),
        ("statusCode: 307, path: {type: ReplaceFullPath, replaceFullPath: /y}", "/x", 307, "http://both/y"),
        ("statusCode: 308, path: {type: ReplaceFullPath, replaceFullPath: /y}", "/x", 308, "http://both/y"),
    ],
)
def test_redirects(mesh, said, path, status, location):
    rule = f"{{{prefix('/x')}, filters: [{{type: RequestRedirect, requestRedirect: {{{said}}}}}]}}"
    got, _, outcome = answered(changes.apply(WORLDS[mesh], [route(rule)]), f"http://both{path}")
    assert (got, outcome.header("location")) == (status, location)


@pytest.mark.parametrize(
    ("said", "path", "wanted"),
    [
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
