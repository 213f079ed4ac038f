from __future__ import annotations

import pytest

from harness.model import Refused, changes
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource, send, told

WORLD = changes.apply(
    cluster(ISTIO, LINKERD),
    [
        *app("lnk/client", "curlimages/curl"),
        *app("ist/client", "curlimages/curl"),
        *app("bare/client", "curlimages/curl"),
        *app("lnk/web", "l5d/echo:v1", 8080),
        *app("lnk/v2", "l5d/echo:v1", 8080),
    ],
)
OK, DENIED = "200 from lnk/web", "403"
POLICY = "policy.linkerd.io/v1alpha1"
CLIENT = "default.lnk.serviceaccount.identity.linkerd.cluster.local"


def server(spec="", name="lnk/s"):
    return resource("Server", name, f"{{podSelector: {{matchLabels: {{app: web}}}}, port: http{spec}}}")


def authorization(target, required, name="lnk/a"):
    spec = f"{{targetRef: {target}, requiredAuthenticationRefs: [{required}]}}"
    return resource("AuthorizationPolicy", name, spec, POLICY)


def rate_limit(spec, name="lnk/limit"):
    target = "{group: policy.linkerd.io, kind: Server, name: s}"
    return resource("HTTPLocalRateLimitPolicy", name, f"{{targetRef: {target}, {spec}}}", POLICY)


def mesh_tls(spec):
    return resource("MeshTLSAuthentication", "lnk/m", f"{{{spec}}}")


def network(cidr, **more):
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return resource("NetworkAuthentication", "lnk/n", f"{{networks: [{{cidr: {cidr}{rest}}}]}}")


def on_server(spec="", name="lnk/r", api=""):
    parent = "{group: policy.linkerd.io, kind: Server, name: s}"
    return resource("HTTPRoute", name, f"{{parentRefs: [{parent}], rules: [{spec}]}}", api)


S = "{group: policy.linkerd.io, kind: Server, name: s}"
M = "{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: m}"
N = "{group: policy.linkerd.io, kind: NetworkAuthentication, name: n}"
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
        # Kinds count in any case.
        ([server(), authorization("{kind: namespace, name: lnk}", "")], OK, OK),
        (
            [server(), authorization(S.replace("Server", "SERVER"), "{kind: serviceaccount, name: default}")],
            OK,
            DENIED,
        ),
        ([server(), mesh_tls("identities: ['*']"), authorization(S, M.replace("Mesh", "mesh"))], OK, DENIED),
        ([server(", proxyProtocol: opaque")], "502", "connection reset (curl 56)"),
    ],
)
def test_policy(objects, meshed, bare):
    state = changes.apply(WORLD, objects)
    assert told(send(state, "lnk/client", "http://web.lnk/")) == {meshed: 1}
    assert told(send(state, "bare/client", "http://web.lnk/")) == {bare: 1}
    assert told(send(state, "ist/client", "http://web.lnk/")) == {"503" if "reset" in bare else bare: 1}


def test_the_guides_translation_without_a_server_denies_everybody():
    state = changes.apply(
        changes.restart(
            changes.mark(WORLD, "lnk", annotations={"config.linkerd.io/default-inbound-policy": "deny"}),
            "lnk",
        ),
        [mesh_tls("identities: ['*']"), authorization("{kind: Namespace, name: lnk}", M)],
    )
    (group,) = send(state, "lnk/client", "http://web/").groups
    assert group.outcome.status == 403
    assert any("acts through Servers only" in reason.text for reason in group.trace if reason.passed_over)


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
    marked = changes.mark(WORLD, "lnk", annotations={"config.linkerd.io/default-inbound-policy": policy})
    for state, wanted in ((marked, (OK, OK)), (changes.restart(marked, "lnk"), (meshed, bare))):
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
        ([on_server("{}"), authorization(R.replace("HTTPRoute", "HttpRoute"), "")], "GET", "/", 200),
        ([on_server("", api="policy.linkerd.io/v1beta3"), authorization(S, "")], "GET", "/", 404),
        ([on_server("{}", api="policy.linkerd.io/v1beta3"), authorization(R, "")], "GET", "/", 403),
    ],
)
def test_routes_on_a_server(objects, method, path, status):
    (group,) = send(
        changes.apply(WORLD, [server(), *objects]), "lnk/client", f"http://web{path}", method
    ).groups
    assert group.outcome.status == status


def test_probe_paths_are_open_until_a_route_is_attached():
    probed = resource(
        "Deployment",
        "lnk/web",
        "{selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: l5d/echo:v1, "
        "ports: [{name: http, containerPort: 8080}], readinessProbe: {httpGet: {path: /healthz, port: http}}}]}}}",
    )
    state = changes.apply(WORLD, [probed, server()])
    seen = {}
    for name, one in (("before", state), ("after", changes.apply(state, [on_server("{}")]))):
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


def route_of(rules):
    return resource(
        "HTTPRoute", "lnk/out", f"{{parentRefs: [{{kind: Service, name: web, group: ''}}], rules: [{rules}]}}"
    )


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
    seen = told(send(changes.apply(WORLD, objects), "lnk/client", "http://web/"))
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
    state = changes.apply(WORLD, [route(f"{{{rule}}}", annotations)])
    (group,) = send(state, "lnk/client", f"http://web/{query}").groups
    assert (group.outcome.status, group.outcome.seconds) == (status, seconds)


MIRROR = "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: v2, port: 80}}}], "


def test_the_index_keeps_what_it_can_read():
    readable, mirrored = route(f"{{{TO_V2}}}"), route(f"{{{MIRROR}backendRefs: [{{name: web, port: 80}}]}}")
    new = changes.apply(WORLD, [mirrored])
    updated = changes.apply(changes.apply(WORLD, [readable]), [mirrored])
    assert told(send(new, "lnk/client", "http://web/")) == {OK: 1}
    assert told(send(updated, "lnk/client", "http://web/")) == {"200 from lnk/v2": 1}
    (group,) = send(updated, "lnk/client", "http://web/").groups
    (lost,) = [reason for reason in group.trace if "index" in reason.text]
    assert (lost.field, lost.passed_over) == ("spec.rules[0].filters[0]", True)
    assert "the version before stays in force" in lost.text
    removed = changes.apply(changes.remove(updated, [mirrored]), [mirrored])
    assert told(send(removed, "lnk/client", "http://web/")) == {OK: 1}


def annotated_route(kind="HTTPRoute", group="''", **annotations):
    spec = f"{{parentRefs: [{{kind: Service, name: web, group: {group}}}], rules: [{{{TO_V2}}}]}}"
    marks = {key.replace("__", "/").replace("_", "."): value for key, value in annotations.items()}
    return resource(kind, "lnk/out", spec, annotations=marks)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (annotated_route(retry_linkerd_io__http="5xx, 503"), "invalid retry condition: 5xx, 503"),
        (annotated_route(retry_linkerd_io__http="600"), "invalid retry condition: 600"),
        (annotated_route(retry_linkerd_io__http="503-500"), "invalid retry condition: 503-500"),
        (annotated_route(retry_linkerd_io__limit="many"), "invalid digit found in string"),
        (annotated_route(retry_linkerd_io__limit="70000"), "number too large to fit in target type"),
        (annotated_route(timeout_linkerd_io__request="5"), "missing duration unit"),
        (annotated_route(timeout_linkerd_io__idle="0.5s"), "fractional values not supported"),
        (annotated_route("GRPCRoute", retry_linkerd_io__grpc="aborted"), "Unknown grpc retry condition: aborted"),
        (
            resource("GRPCRoute", "lnk/g", "{parentRefs: [{kind: Service, name: web, group: ''}], rules: "
                     "[{matches: [{method: {type: RegularExpression, method: .*}}]}]}"),
            "unsupported GRPCRoute method match type",
        ),
        (route(r"{matches: [{path: {type: RegularExpression, value: (a)\1}}]}"), "regex parse error: backreferences"),
        (
            route("{matches: [{headers: [{type: RegularExpression, name: a, value: '[a'}]}]}"),
            "regex parse error: unclosed character class",
        ),
        (
            route("{matches: [{queryParams: [{type: RegularExpression, name: a, value: '(?>a)'}]}]}"),
            "regex parse error: unrecognized flag",
        ),
        (mesh_tls("identities: []"), "should have at least 1 items"),
        (mesh_tls(""), "must validate one and only one schema"),
        (mesh_tls("identityRefs: [{kind: Namespace}]"), "missing field `name`"),
        (mesh_tls("identities: ['spiffe://a/b/']"), "SPIFFE path cannot have a trailing slash"),
        (mesh_tls("identities: ['spiffe://A/b']"), "SPIFFE trust domain characters are limited"),
        (authorization("{group: apps, kind: Deployment, name: d}", ""), "unsupported authorization target type: Deployment.apps"),
        (authorization("{kind: Server, name: s}", ""), "unsupported authorization target type: Server"),
        (authorization(S, "{kind: MeshTLSAuthentication, name: m}"), "unsupported authentication kind.*: MeshTLSAuthentication"),
        (
            resource("ServerAuthorization", "lnk/a", "{server: {name: s}, client: {unauthenticated: true, meshTLS: {}}}",
                     "policy.linkerd.io/v1beta1"),
            "`unauthenticated` must be false if `mesh_tls` is specified",
        ),
        (
            resource("ServerAuthorization", "lnk/a", "{server: {}, client: {}}", "policy.linkerd.io/v1beta1"),
            "must validate one and only one schema",
        ),
        (
            on_server("{matches: [{path: {value: relative}}]}", api="policy.linkerd.io/v1beta3"),
            'HttpPathMatch paths must be absolute .*; "relative" is not an absolute path',
        ),
        (
            on_server("{filters: [{type: RequestHeaderModifier}]}", api="policy.linkerd.io/v1beta3"),
            "missing field `requestHeaderModifier`",
        ),
        (
            on_server("{timeouts: {request: 1s, backendRequest: 2s}}", api="policy.linkerd.io/v1beta3"),
            r"backendRequest timeout \(2s\) must not be greater than request timeout \(1s\)",
        ),
        (
            route("{filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: x}}}]}"),
            '"x" is not an absolute path',
        ),
        (route("{backendRefs: [{group: core, name: v2}]}"), "invalid backendRef"),
        (route("{matches: [{headers: [{name: 'a b', value: c}]}]}"), "invalid HTTP header name"),
        (annotated_route(timeout_linkerd_io__request="213503982334602d"), "overflows when converted to 'ms'"),
        (annotated_route(retry_linkerd_io__timeout="99999999999999999s"), "overflows when converted to 'ms'"),
        (rate_limit("total: {requestsPerSecond: 0}"), "total.requestsPerSecond must be greater than 0"),
        (
            rate_limit("total: {requestsPerSecond: 5}, identity: {requestsPerSecond: 6}"),
            "identity.requestsPerSecond must be less than or equal",
        ),
        (
            rate_limit("overrides: [{requestsPerSecond: 5, clientRefs: [{kind: Pod, name: a}]}]"),
            "must target a ServiceAccount",
        ),
        (profile("routes: [{name: r, condition: {all: [{}]}}]"), "A request match must have a field set"),
        (
            profile("routes: [{name: r, condition: {method: GET}, responseClasses: [{condition: {}}]}]"),
            "A response match must have a field set",
        ),
        (
            profile("routes: [{name: r, condition: {method: GET}, responseClasses: [{condition: {status: {min: 99}}}]}]"),
            "Range minimum must be between 100 and 599, inclusive",
        ),
        (
            profile("routes: [{name: r, condition: {method: GET}, responseClasses: "
                    "[{condition: {not: {status: {min: 500, max: 400}}}}]}]"),
            "Range maximum cannot be smaller than minimum",
        ),
        (profile("routes: [{name: '', condition: {method: GET}}]"), "has a route with no name"),
    ],
)  # fmt: skip
def test_refused(made, words):
    with pytest.raises(Refused, match=words):
        changes.apply(WORLD, [made])


def test_a_route_without_rules_takes_nothing():
    spec = "{parentRefs: [{kind: Service, name: web, group: ''}]}"
    state = changes.apply(WORLD, [resource("GRPCRoute", "lnk/out", spec)])
    assert told(send(state, "lnk/client", "grpc://web.lnk:80/a.B/C")) == {"200 grpc-status 5": 1}
    # Istio makes nothing of it.
    assert told(send(state, "ist/client", "http://web.lnk/")) == {OK: 1}
    for api, rules, outcome in (
        ("policy.linkerd.io/v1beta3", ", rules: []", "404"),
        ("policy.linkerd.io/v1beta3", "", OK),
        ("", "", OK),
    ):
        made = resource("HTTPRoute", "lnk/out", f"{spec[:-1]}{rules}}}", api)
        assert told(send(changes.apply(WORLD, [made]), "lnk/client", "http://web.lnk/")) == {outcome: 1}


@pytest.mark.parametrize(
    ("rules", "path", "status"),
    [
        # An exact path counts with its last slash, a prefix without: the longer one is taken.
        ("{matches: [{path: {value: /a}}]}, {matches: [{path: {type: Exact, value: /a/}}], %s}", "/a/", 302),
        ("{matches: [{path: {type: Exact, value: /}}], %s}, {}", "/", 302),
        ("{matches: [{path: {value: /a}}]}, {matches: [{path: {value: /a/}}], %s}", "/a/b", 200),
    ],
)
def test_which_path_is_longer(rules, path, status):
    elsewhere = "filters: [{type: RequestRedirect, requestRedirect: {hostname: x}}]"
    (group,) = send(
        changes.apply(WORLD, [route_of(rules % elsewhere)]), "lnk/client", f"http://web{path}"
    ).groups
    assert group.outcome.status == status


def test_a_grpc_routes_rule_without_matches_takes_what_is_no_call_too():
    parent = "parentRefs: [{group: policy.linkerd.io, kind: Server, name: s}]"
    for matches, status in (("", 200), ("matches: [{}]", 404)):
        grpc = resource("GRPCRoute", "lnk/g", f"{{{parent}, rules: [{{{matches}}}]}}")
        made = [server(", proxyProtocol: gRPC, accessPolicy: all-unauthenticated"), grpc]
        (group,) = send(changes.apply(WORLD, made), "lnk/client", "http://web.lnk/").groups
        assert group.outcome.status == status


def test_a_profiles_time_limit_in_the_proxys_words():
    """As it was recorded of a real mesh."""
    state = changes.apply(WORLD, [profile("routes: [{name: r, condition: {method: GET}, timeout: 1s}]")])
    (group,) = send(state, "lnk/client", "http://web/?delay=3s").groups
    words = "logical service web.lnk.svc.cluster.local:80: HTTP response timeout after 1s"
    assert group.outcome.header("l5d-proxy-error") == words


def test_a_routes_annotations_are_its_own_business_without_a_parent_of_linkerds():
    changes.apply(WORLD, [annotated_route(group="other.io", retry_linkerd_io__http="often")])


def web(**annotations):
    marks = {key.replace("__", "/").replace("_", "."): value for key, value in annotations.items()}
    spec = "{selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}"
    return resource("Service", "lnk/web", spec, annotations=marks)


@pytest.mark.parametrize(
    ("service", "query", "status", "seconds"),
    [
        (web(timeout_linkerd_io__request="1s"), "?delay=3s", 504, 1.0),
        # What can't be read counts for nothing, with all that is read with it.
        (web(timeout_linkerd_io__request="1s", timeout_linkerd_io__idle="soon"), "?delay=3s", 200, 3.0),
        (web(retry_linkerd_io__limit="2"), "?delay=1s&status=500", 500, 3.0),
        (web(retry_linkerd_io__limit="2", retry_linkerd_io__http="often"), "?delay=1s&status=500", 500, 1.0),
        (web(retry_linkerd_io__limit="2", retry_linkerd_io__grpc="often"), "?delay=1s&status=500", 500, 3.0),
        (web(retry_linkerd_io__limit="50"), "?delay=1s&status=500", 500, 51.0),
        (web(retry_linkerd_io__timeout="1s"), "?delay=3s", 200, 4.0),
    ],
)
def test_a_services_own_limits(service, query, status, seconds):
    (group,) = send(changes.apply(WORLD, [service]), "lnk/client", f"http://web/{query}").groups
    assert (group.outcome.status, group.outcome.seconds) == (status, seconds)


@pytest.mark.parametrize(("text", "status"), [("90s", 504), ("1m30s", 200), ("2m", 200)])
def test_durations_of_several_units_in_a_route_are_not_read(text, status):
    state = changes.apply(WORLD, [route(f"{{timeouts: {{request: {text}}}}}")])
    (group,) = send(state, "lnk/client", "http://web/?delay=100s").groups
    assert group.outcome.status == status


RETRIED = "{name: r, isRetryable: true, condition: {pathRegex: .*}}"


@pytest.mark.parametrize(
    ("spec", "query", "outcome"),
    [
        (f"routes: [{RETRIED}]", "", {OK: 1}),
        (f"routes: [{RETRIED}]", "?status=500", {"500 from lnk/web": 1}),
        (f"routes: [{RETRIED}]", "?status=404", {"404 from lnk/web": 1}),
        (
            "routes: [{name: r, isRetryable: true, condition: {method: GET}, responseClasses: "
            "[{condition: {status: {min: 500, max: 599}}, isFailure: false}]}]",
            "?delay=1s&status=500",
            {"500 from lnk/web": 1},
        ),
        ("routes: [{name: r, condition: {method: GET}, timeout: 1s}]", "?delay=3s", {"504": 1}),
        (
            "dstOverrides: [{authority: web.lnk.svc.cluster.local, weight: 0}, "
            "{authority: v2.lnk.svc.cluster.local, weight: 2}]",
            "",
            {"200 from lnk/v2": 1},
        ),
        # What has no pods leaves its share to the others.
        (
            "dstOverrides: [{authority: web.lnk.svc.cluster.local, weight: 1}, "
            "{authority: empty.lnk.svc.cluster.local, weight: 3}]",
            "",
            {OK: 1},
        ),
        # No weight at all: no override, and so no profile.
        ("dstOverrides: [{authority: v2.lnk.svc.cluster.local, weight: 0}]", "", {OK: 1}),
        ("opaquePorts: ['80'], routes: [{name: r, condition: {method: GET}}]", "", {OK: 1}),
    ],
)
def test_profiles_in_full(spec, query, outcome):
    empty = resource("Service", "lnk/empty", "{selector: {app: nobody}, ports: [{port: 80}]}")
    state = changes.apply(WORLD, [profile(spec), empty])
    (group,) = send(state, "lnk/client", f"http://web/{query}").groups
    assert {str(group.outcome): 1} == outcome


def test_a_clients_own_profile_hides_the_services_even_if_it_decides_nothing():
    name = "web.lnk.svc.cluster.local"
    override = "{dstOverrides: [{authority: v2.lnk.svc.cluster.local, weight: 1}]}"
    state = changes.apply(
        changes.mark(WORLD, "lnk2", annotations={"linkerd.io/inject": "enabled"}),
        [*app("lnk2/client", "curlimages/curl"), resource("ServiceProfile", f"lnk/{name}", override)],
    )
    assert told(send(state, "lnk2/client", "http://web.lnk/")) == {"200 from lnk/v2": 1}
    hidden = changes.apply(state, [resource("ServiceProfile", f"lnk2/{name}", "{}")])
    assert told(send(hidden, "lnk2/client", "http://web.lnk/")) == {OK: 1}


def test_a_response_header_of_linkerds_own_route_goes_to_the_request():
    own = resource(
        "HTTPRoute",
        "lnk/own",
        "{parentRefs: [{kind: Service, name: web, group: core}], rules: [{filters: "
        "[{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-r, value: a}]}}]}]}",
        "policy.linkerd.io/v1beta3",
    )
    (group,) = send(changes.apply(WORLD, [own]), "lnk/client", "http://web/").groups
    assert group.outcome.header("x-r") is None
    assert group.outcome.server_saw.header("x-r") == "a"


def test_identity_headers():
    saw = {
        client: send(WORLD, client, "http://web.lnk/", l5d_client_id="forged").groups[0].outcome.server_saw
        for client in ("lnk/client", "bare/client")
    }
    assert saw["lnk/client"].header("l5d-client-id") == CLIENT
    assert saw["bare/client"].header("l5d-client-id") is None


def trace_of(state, client):
    return send(state, client, "http://web.lnk/").groups[0].trace


@pytest.mark.parametrize(
    ("spec", "client", "field"),
    [
        ("total: {requestsPerSecond: 5}", "bare/client", "spec.total.requestsPerSecond"),
        ("identity: {requestsPerSecond: 5}", "lnk/client", "spec.identity.requestsPerSecond"),
        (
            "overrides: [{requestsPerSecond: 9, clientRefs: [{kind: ServiceAccount, name: default}]}]",
            "lnk/client",
            "spec.overrides[0].requestsPerSecond",
        ),
    ],
)
def test_a_request_alone_is_within_every_rate_limit_and_the_trace_names_it(spec, client, field):
    state = changes.apply(WORLD, [server(", accessPolicy: all-unauthenticated"), rate_limit(spec)])
    assert told(send(state, client, "http://web.lnk/")) == {OK: 1}
    (why,) = [why for why in trace_of(state, client) if "429" in why.text]
    assert (why.subject, why.field) == ("HTTPLocalRateLimitPolicy lnk/limit", field)


def test_one_rate_limit_counts_for_a_server_and_none_without():
    opened = changes.apply(WORLD, [server(", accessPolicy: all-unauthenticated")])
    older = changes.apply(opened, [rate_limit("total: {requestsPerSecond: 5}", "lnk/z")])
    both = changes.apply(older, [rate_limit("total: {requestsPerSecond: 9}", "lnk/a")])
    assert [why.subject for why in trace_of(both, "lnk/client") if "429" in why.text] == [
        "HTTPLocalRateLimitPolicy lnk/z"
    ]
    assert any(why.subject == "HTTPLocalRateLimitPolicy lnk/a" for why in trace_of(both, "lnk/client"))
    without = changes.apply(WORLD, [rate_limit("total: {requestsPerSecond: 5}")])
    assert not any("429" in why.text for why in trace_of(without, "lnk/client"))


def test_audit_is_told():
    state = changes.apply(WORLD, [server(", accessPolicy: audit")])
    (why,) = [why for why in trace_of(state, "bare/client") if "audit)" in why.text]
    assert (why.subject, why.field) == ("Server lnk/s", "spec.accessPolicy")


@pytest.mark.parametrize(
    ("client", "meshed", "bare"),
    [
        ("unauthenticated: true", OK, OK),
        ("meshTLS: {unauthenticatedTLS: true}", OK, DENIED),
        ("meshTLS: {identities: ['*']}", OK, DENIED),
        ("meshTLS: {serviceAccounts: [{name: default}]}", OK, DENIED),
        ("meshTLS: {serviceAccounts: [{name: other}]}", DENIED, DENIED),
        ("meshTLS: {}", DENIED, DENIED),
        ("networks: [{cidr: 0.0.0.0/0}]", DENIED, DENIED),
        ("unauthenticated: true, networks: [{cidr: 192.168.0.0/16}]", DENIED, DENIED),
    ],
)
def test_server_authorizations(client, meshed, bare):
    spec = f"{{server: {{name: s}}, client: {{{client}}}}}"
    state = changes.apply(
        WORLD, [server(), resource("ServerAuthorization", "lnk/a", spec, "policy.linkerd.io/v1beta1")]
    )
    assert told(send(state, "lnk/client", "http://web.lnk/")) == {meshed: 1}
    assert told(send(state, "bare/client", "http://web.lnk/")) == {bare: 1}


def test_a_grpc_route_on_a_server_keeps_http_routes_from_being_accepted():
    parent = "parentRefs: [{group: policy.linkerd.io, kind: Server, name: s}]"
    http = resource("HTTPRoute", "lnk/r", f"{{{parent}, rules: [{{matches: [{{path: {{value: /a}}}}]}}]}}")
    grpc = resource("GRPCRoute", "lnk/g", f"{{{parent}, rules: [{{}}]}}")
    opened = changes.apply(WORLD, [server(", accessPolicy: all-unauthenticated"), http])
    assert told(send(opened, "lnk/client", "http://web.lnk/b")) == {"404": 1}
    assert told(send(changes.apply(opened, [grpc]), "lnk/client", "http://web.lnk/b")) == {OK: 1}


def test_a_trust_domain_of_the_installations():
    settings = resource("ConfigMap", "linkerd/linkerd-config")
    settings.data["data"] = {"values": "identityTrustDomain: example.org"}
    allowed = authorization(S, "{kind: ServiceAccount, name: default}")
    state = changes.apply(changes.restart(changes.apply(WORLD, [settings]), "lnk"), [server(), allowed])
    (group,) = send(state, "lnk/client", "http://web.lnk/").groups
    assert group.outcome.status == 200
    assert group.outcome.hop.client == "default.lnk.serviceaccount.identity.linkerd.example.org"
    assert group.outcome.server_saw.header("l5d-client-id") == group.outcome.hop.client


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1", "v1beta2", "v1beta3"])
def test_every_served_version_of_a_server(version):
    spec = "{podSelector: {matchLabels: {app: web}}, port: 8080}"
    state = changes.apply(WORLD, [resource("Server", "lnk/s", spec, f"policy.linkerd.io/{version}")])
    assert told(send(state, "lnk/client", "http://web.lnk/")) == {DENIED: 1}


def by_expression(pattern):
    return f"{{matches: [{{path: {{type: RegularExpression, value: '{pattern}'}}}}], {TO_V2}}}"


@pytest.mark.parametrize(
    ("pattern", "path", "taken"),
    [
        (r".*\.(js|json)", "/a.js", True),
        (r".*\.(js|json)", "/a.json", False),
        (r"^.*\.(js|json)$", "/a.json", True),
        ("/v1|/v1beta", "/v1beta", False),
        ("/a++", "/aa", True),
        ("/[a-z&&[^x]]+", "/abc", True),
    ],
)
def test_a_routes_expression_must_be_spanned_by_its_first_match(pattern, path, taken):
    outcomes = send(changes.apply(WORLD, [route(by_expression(pattern))]), "lnk/client", f"http://web{path}")
    assert told(outcomes) == {"200 from lnk/v2" if taken else "404": 1}
    (group,) = outcomes.groups
    assert f"regex {pattern!r} (Rust, leftmost first)" in "".join(reason.text for reason in group.trace)


@pytest.mark.parametrize(
    ("condition", "path", "taken"),
    [
        ("pathRegex: /api|/apiv2", "/api/x", True),
        ("pathRegex: /api|/apiv2", "/x/apiv2", True),
        ("pathRegex: /api|/apiv2", "/x/api", False),
        # What the proxy can't read it drops.
        ("pathRegex: '/a(?=b)'", "/ab", False),
        ("all: [{pathRegex: '/a(?=b)'}]", "/x", True),
        ("any: [{pathRegex: '/a(?=b)'}]", "/ab", False),
        ("not: {pathRegex: '/a(?=b)'}", "/x", False),
        ("method: GET, pathRegex: '('", "/x", True),
        ("method: POST, pathRegex: '('", "/x", False),
    ],
)
def test_a_profiles_expression_is_searched(condition, path, taken):
    state = changes.apply(WORLD, [profile(f"routes: [{{name: r, condition: {{{condition}}}, timeout: 1s}}]")])
    assert told(send(state, "lnk/client", f"http://web{path}?delay=3s")) == {"504" if taken else OK: 1}
