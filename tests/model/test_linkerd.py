from __future__ import annotations

import pytest

from harness.errors import NotModelledError
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource, send, told

WORLD = cluster(ISTIO, LINKERD).apply(
    [
        *app("lnk/client", "curlimages/curl"),
        *app("ist/client", "curlimages/curl"),
        *app("bare/client", "curlimages/curl"),
        *app("lnk/web", "l5d/echo:v1", 8080),
        *app("lnk/v2", "l5d/echo:v1", 8080),
    ]
)
OK, DENIED = "200 from lnk/web", "403"
POLICY = "policy.linkerd.io/v1alpha1"
CLIENT = "default.lnk.serviceaccount.identity.linkerd.cluster.local"


def server(spec="", name="lnk/s"):
    return resource("Server", name, f"{{podSelector: {{matchLabels: {{app: web}}}}, port: http{spec}}}")


def authorization(target, required, name="lnk/a"):
    spec = f"{{targetRef: {target}, requiredAuthenticationRefs: [{required}]}}"
    return resource("AuthorizationPolicy", name, spec, POLICY)


def mesh_tls(spec):
    return resource("MeshTLSAuthentication", "lnk/m", f"{{{spec}}}")


def network(cidr, **more):
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return resource("NetworkAuthentication", "lnk/n", f"{{networks: [{{cidr: {cidr}{rest}}}]}}")


def on_server(spec="", name="lnk/r", api=""):
    parent = "{group: policy.linkerd.io, kind: Server, name: s}"
    return resource("HTTPRoute", name, f"{{parentRefs: [{parent}], rules: [{spec}]}}", api)


S = "{group: policy.linkerd.io, kind: Server, name: s}"
M, N = "{kind: MeshTLSAuthentication, name: m}", "{kind: NetworkAuthentication, name: n}"
R = "{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}"


@pytest.mark.parametrize(
    ("objects", "meshed", "bare"),
    [
        ([], OK, OK),
        ([server()], DENIED, DENIED),
        ([server(", accessPolicy: all-authenticated")], OK, DENIED),
        ([server(", accessPolicy: cluster-authenticated")], OK, DENIED),
        ([server(", accessPolicy: cluster-unauthenticated")], OK, OK),
        ([server(", accessPolicy: audit")], OK, OK),
        ([server(name="lnk/other")], DENIED, DENIED),
        ([server(), authorization(S, "")], OK, OK),
        ([server(), mesh_tls("identities: ['*']"), authorization(S, M)], OK, DENIED),
        ([server(), mesh_tls(f"identities: [{CLIENT}]"), authorization(S, M)], OK, DENIED),
        ([server(), mesh_tls("identities: ['*.cluster.local']"), authorization(S, M)], OK, DENIED),
        ([server(), mesh_tls("identities: ['*.local.cluster']"), authorization(S, M)], DENIED, DENIED),
        ([server(), mesh_tls("identities: ['spiffe://a/b']"), authorization(S, M)], DENIED, DENIED),
        (
            [server(), mesh_tls("identityRefs: [{kind: Namespace, name: lnk}]"), authorization(S, M)],
            OK,
            DENIED,
        ),
        (
            [
                server(),
                mesh_tls("identityRefs: [{kind: ServiceAccount, name: default}]"),
                authorization(S, M),
            ],
            OK,
            DENIED,
        ),
        ([server(), authorization(S, "{kind: ServiceAccount, name: default}")], OK, DENIED),
        ([server(), authorization(S, M)], DENIED, DENIED),
        ([server(), network("0.0.0.0/0"), authorization(S, N)], OK, OK),
        ([server(), network("0.0.0.0/0", **{"except": "[10.0.0.0/8]"}), authorization(S, N)], DENIED, DENIED),
        (
            [server(), mesh_tls("identities: ['*']"), network("0.0.0.0/0"), authorization(S, f"{M}, {N}")],
            OK,
            DENIED,
        ),
        ([server(), authorization("{kind: Namespace, name: lnk}", "")], OK, OK),
        ([authorization("{kind: Namespace, name: lnk}", M)], OK, OK),
        ([server(", proxyProtocol: opaque")], "502", "connection reset (curl 56)"),
    ],
)
def test_policy(objects, meshed, bare):
    state = WORLD.apply(objects)
    assert told(send(state, "lnk/client", "http://web.lnk/")) == {meshed: 1}
    assert told(send(state, "bare/client", "http://web.lnk/")) == {bare: 1}
    assert told(send(state, "ist/client", "http://web.lnk/")) == {"503" if "reset" in bare else bare: 1}


def test_the_guides_translation_without_a_server_denies_everybody():
    state = (
        WORLD.mark("lnk", annotations={"config.linkerd.io/default-inbound-policy": "deny"})
        .restart("lnk")
        .apply([mesh_tls("identities: ['*']"), authorization("{kind: Namespace, name: lnk}", M)])
    )
    (group,) = send(state, "lnk/client", "http://web/").groups
    assert group.outcome.status == 403
    assert any("acts through Servers only" in reason.text for reason in group.trace if reason.lost)


@pytest.mark.parametrize(
    ("policy", "meshed", "bare"),
    [
        ("all-unauthenticated", OK, OK),
        ("all-authenticated", OK, DENIED),
        ("cluster-authenticated", OK, DENIED),
        ("cluster-unauthenticated", OK, OK),
        ("deny", DENIED, DENIED),
        ("audit", OK, OK),
        ("nonsense", OK, OK),
    ],
)
def test_default_inbound_policy(policy, meshed, bare):
    marked = WORLD.mark("lnk", annotations={"config.linkerd.io/default-inbound-policy": policy})
    for state, wanted in ((marked, (OK, OK)), (marked.restart("lnk"), (meshed, bare))):
        for client, outcome in zip(("lnk/client", "bare/client"), wanted, strict=True):
            assert told(send(state, client, "http://web.lnk/")) == {outcome: 1}


@pytest.mark.parametrize(
    ("objects", "method", "path", "status"),
    [
        ([on_server("{matches: [{method: GET}]}"), authorization(R, "")], "GET", "/", 200),
        ([on_server("{matches: [{method: GET}]}"), authorization(R, "")], "POST", "/", 404),
        ([on_server("{matches: [{method: GET}]}"), authorization(R, "")], "HEAD", "/", 404),
        ([on_server("{matches: [{method: GET}]}")], "GET", "/", 403),
        ([on_server("{}"), authorization(S, "")], "GET", "/", 200),
        ([on_server("{}", api="policy.linkerd.io/v1beta3"), authorization(R, "")], "GET", "/", 403),
    ],
)
def test_routes_on_a_server(objects, method, path, status):
    (group,) = send(WORLD.apply([server(), *objects]), "lnk/client", f"http://web{path}", method).groups
    assert group.outcome.status == status


def test_probe_paths_are_open_until_a_route_is_attached():
    probed = resource(
        "Deployment",
        "lnk/web",
        "{selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: l5d/echo:v1, "
        "ports: [{name: http, containerPort: 8080}], readinessProbe: {httpGet: {path: /healthz, port: http}}}]}}}",
    )
    state = WORLD.apply([probed, server()])
    seen = {}
    for name, one in (("before", state), ("after", state.apply([on_server("{}")]))):
        for path in ("/healthz", "/"):
            (group,) = send(one, "bare/client", f"http://web.lnk{path}").groups
            seen[name, path] = group.outcome.status
    assert any("the kubelet's probe of /healthz is refused" in reason.text for reason in group.trace)
    assert seen == {
        ("before", "/healthz"): 200,
        ("before", "/"): 403,
        ("after", "/healthz"): 403,
        ("after", "/"): 403,
    }


def profile(spec):
    return resource("ServiceProfile", "lnk/web.lnk.svc.cluster.local", f"{{{spec}}}")


def route(rule, annotations=None):
    spec = f"{{parentRefs: [{{kind: Service, name: web, group: ''}}], rules: [{rule}]}}"
    return resource("HTTPRoute", "lnk/out", spec, annotations=annotations or {})


TO_V2 = "backendRefs: [{name: v2, port: 80}]"


@pytest.mark.parametrize(
    ("objects", "told_"),
    [
        ([profile(""), route(f"{{{TO_V2}}}")], {"200 from lnk/v2": 1}),
        ([profile("routes: [{name: r, condition: {pathRegex: /x}}]"), route(f"{{{TO_V2}}}")], {OK: 1}),
        (
            [profile("dstOverrides: [{authority: 'web.lnk.svc.cluster.local:80', weight: 500m}, "
                     "{authority: 'v2.lnk.svc.cluster.local:80', weight: '1'}]")],
            {OK: "1/3", "200 from lnk/v2": "2/3"},
        ),
    ],
)  # fmt: skip
def test_service_profile(objects, told_):
    seen = told(send(WORLD.apply(objects), "lnk/client", "http://web/"))
    assert {k: str(v) for k, v in seen.items()} == {k: str(v) for k, v in told_.items()}


@pytest.mark.parametrize(
    ("annotations", "rule", "query", "status", "seconds"),
    [
        ({}, "", "?delay=3s", 200, 3.0),
        ({}, "timeouts: {request: 1s}", "?delay=3s", 504, 1.0),
        ({}, "timeouts: {backendRequest: 1s}", "?delay=3s", 200, 3.0),
        ({"timeout.linkerd.io/request": "2s"}, "timeouts: {request: 1s}", "?delay=3s", 504, 2.0),
        ({"timeout.linkerd.io/response": "1s"}, "", "?delay=3s", 504, 1.0),
        ({"timeout.linkerd.io/idle": "1s"}, "", "?delay=3s", 200, 3.0),
        ({"retry.linkerd.io/http": "5xx"}, "", "?delay=1s&status=503", 503, 2.0),
        (
            {"retry.linkerd.io/http": "5xx", "retry.linkerd.io/limit": "3"},
            "",
            "?delay=1s&status=500",
            500,
            4.0,
        ),
        ({"retry.linkerd.io/http": "500-502"}, "", "?delay=1s&status=503", 503, 1.0),
        (
            {"retry.linkerd.io/http": "5xx", "retry.linkerd.io/limit": "9"},
            "timeouts: {request: 2500ms}",
            "?delay=1s&status=500",
            504,
            2.5,
        ),
    ],
)
def test_time_limits_and_retries(annotations, rule, query, status, seconds):
    state = WORLD.apply([route(f"{{{rule}}}", annotations)])
    (group,) = send(state, "lnk/client", f"http://web/{query}").groups
    assert (group.outcome.status, group.outcome.seconds) == (status, seconds)


MIRROR = "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: v2, port: 80}}}], "


def test_the_index_keeps_what_it_can_read():
    readable, mirrored = route(f"{{{TO_V2}}}"), route(f"{{{MIRROR}backendRefs: [{{name: web, port: 80}}]}}")
    new = WORLD.apply([mirrored])
    updated = WORLD.apply([readable]).apply([mirrored])
    assert told(send(new, "lnk/client", "http://web/")) == {OK: 1}
    assert told(send(updated, "lnk/client", "http://web/")) == {"200 from lnk/v2": 1}
    (group,) = send(updated, "lnk/client", "http://web/").groups
    (lost,) = [reason for reason in group.trace if "index" in reason.text]
    assert (lost.field, lost.lost) == ("spec.rules[0].filters[0]", True)
    assert "the version before stays in force" in lost.text
    removed = updated.remove([mirrored]).apply([mirrored])
    assert told(send(removed, "lnk/client", "http://web/")) == {OK: 1}


def test_grpc_methods_by_regex_are_not_read():
    one = resource(
        "GRPCRoute",
        "lnk/g",
        "{parentRefs: [{kind: Service, name: web, group: ''}], rules: [{matches: "
        "[{method: {type: RegularExpression, method: .*}}], backendRefs: [{name: v2, port: 80}]}]}",
    )
    assert told(send(WORLD.apply([one]), "lnk/client", "http://web/")) == {OK: 1}


def test_a_response_header_of_linkerds_own_route_goes_to_the_request():
    own = resource(
        "HTTPRoute",
        "lnk/own",
        "{parentRefs: [{kind: Service, name: web, group: core}], rules: [{filters: "
        "[{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-r, value: a}]}}]}]}",
        "policy.linkerd.io/v1beta3",
    )
    (group,) = send(WORLD.apply([own]), "lnk/client", "http://web/").groups
    assert group.outcome.header("x-r") is None
    assert group.outcome.server_saw.header("x-r") == "a"


def test_identity_headers():
    saw = {
        client: send(WORLD, client, "http://web.lnk/", l5d_client_id="forged").groups[0].outcome.server_saw
        for client in ("lnk/client", "bare/client")
    }
    assert saw["lnk/client"].header("l5d-client-id") == CLIENT
    assert saw["bare/client"].header("l5d-client-id") is None


@pytest.mark.parametrize(
    ("objects", "url"),
    [
        (
            [profile("routes: [{name: r, isRetryable: true, condition: {pathRegex: .*}}]")],
            "http://web/?status=500",
        ),
        (
            [
                resource(
                    "Service",
                    "lnk/web",
                    "{selector: {app: web}, ports: [{port: 80, targetPort: 8080, appProtocol: tcp}]}",
                )
            ],
            "http://web/",
        ),
        ([server(", proxyProtocol: HTTP/2")], "http://web/"),
        ([resource("Service", "lnk/web", "{ports: [{port: 80}]}")], "http://web/"),
    ],
)
def test_not_modelled(objects, url):
    with pytest.raises(NotModelledError):
        send(WORLD.apply(objects), "lnk/client", url)
