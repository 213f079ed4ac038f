"""AuthorizationPolicy beyond the basics: identities, addresses, targets, connections, authorizers, paths."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harness.api.istio.security.identity import with_aliases
from harness.base.errors import NotModelledError
from harness.base.vocabulary import Workload
from harness.model import Refused, changes
from harness.model.decide import decide
from harness.model.istio.security.access import normalized
from harness.traffic.outside import AuthorizerAnswer, Outside
from harness.traffic.request import Request, Token
from tests.model.clusters import ISTIO, app, cluster, resource, send, told

SECURITY = "security.istio.io/v1"
WORLD = changes.apply(
    cluster(ISTIO),
    [
        *app("ist/client", "curlimages/curl"),
        *app("bare/client", "curlimages/curl"),
        *app("ist/web", "l5d/echo:v1", 8080),
        *app("bare/asked", "registry.example/ext-authz:1", 8000),
        *app("bare/unknown", "example/authz:1", 8000),
        *app("bare/broken", "l5d/echo:v1", 8080),
    ],
)
OK, DENIED = "200 from ist/web", "403"
FROM = "{rules: [{from: [{source: {%s}}]}]}"
TO = "{rules: [{to: [{operation: {%s}}]}]}"
WHEN = "{rules: [{when: [{key: '%s', %s}]}]}"


def policy(spec, name="ist/p", **metadata):
    return resource("AuthorizationPolicy", name, spec, SECURITY, **metadata)


def mesh_config(text):
    made = resource("ConfigMap", "istio-system/istio", api="v1")
    made.data["data"] = {"mesh": text}
    return made


def outcomes(objects, source="ist/client", url="http://web.ist/", method="GET", **headers):
    return told(send(changes.apply(WORLD, objects), source, url, method, **headers))


@pytest.mark.parametrize(
    ("spec", "ist", "bare"),
    [
        (FROM % "namespaces: ['i*t']", OK, DENIED),
        (FROM % "namespaces: ['*']", OK, DENIED),
        (FROM % "notNamespaces: ['is*']", DENIED, OK),
        (FROM % "serviceAccounts: [ist/default]", OK, DENIED),
        (FROM % "serviceAccounts: [ist/defaul]", DENIED, DENIED),
        (FROM % "trustDomains: [cluster.local]", OK, DENIED),
        (FROM % "trustDomains: ['cluster.*']", OK, DENIED),
        (FROM % "trustDomains: [other]", DENIED, DENIED),
        (FROM % "notTrustDomains: [cluster.local]", DENIED, OK),
        (WHEN % ("source.trustDomain", "values: ['*']"), OK, DENIED),
        (WHEN % ("destination.ip", "values: [10.244.0.0/16]"), OK, OK),
        (WHEN % ("destination.ip", "notValues: [10.244.0.0/16]"), DENIED, DENIED),
        (WHEN % ("connection.sni", "values: [x]"), DENIED, DENIED),
        (WHEN % ("connection.sni", "values: [outbound_.80_._.web.ist.svc.cluster.local]"), OK, DENIED),
        (WHEN % ("request.headers[x-empty]", "values: ['*']"), DENIED, DENIED),
        (WHEN % ("request.headers[:method]", "values: [GET]"), OK, OK),
        (WHEN % ("request.headers[Host]", "values: [web.ist]"), OK, OK),
        (TO % "methods: ['G*']", OK, OK),
        (TO % "methods: [get]", DENIED, DENIED),
        (TO % "hosts: ['WEB*']", OK, OK),
        (TO % "paths: ['/{*}']", DENIED, DENIED),
        (TO % "paths: ['/{**}']", OK, OK),
    ],
)
def test_conditions(spec, ist, bare):
    if ist is not None:
        assert outcomes([policy(spec)]) == {ist: 1}
    assert outcomes([policy(spec)], "bare/client") == {bare: 1}


def test_header_names_have_no_case_and_an_empty_header_is_there():
    spec = WHEN % ("request.headers[X-Empty]", "values: ['*']")
    assert outcomes([policy(spec)], x_empty="") == {OK: 1}


@pytest.mark.parametrize(
    ("block", "forwarded", "outcome"),
    [
        ("10.244.0.0/16", "", OK),
        ("203.0.113.0/24", "", DENIED),
        ("203.0.113.0/24", "203.0.113.9", OK),
        ("203.0.113.0/24", "203.0.113.9, 198.51.100.1", DENIED),
        ("198.51.100.1", "203.0.113.9, 198.51.100.1", OK),
        ("10.244.0.0/16", "no address", OK),
        ("2001:db8::/32", "2001:db8::1", OK),
    ],
)
def test_a_sidecar_believes_the_last_forwarded_address(block, forwarded, outcome):
    headers = {"x_forwarded_for": forwarded} if forwarded else {}
    assert outcomes([policy(FROM % f"remoteIpBlocks: ['{block}']")], **headers) == {outcome: 1}
    assert outcomes([policy(FROM % "ipBlocks: ['10.244.0.0/16']")], **headers) == {OK: 1}


@pytest.mark.parametrize(
    ("spec", "outcome", "told_why"),
    [
        ("{targetRefs: [{kind: Service, name: web}]}", OK, "acts on its targets only"),
        (
            "{targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: g}}",
            OK,
            "acts on its targets",
        ),
        ("{selector: {matchLabels: {app: web}}}", DENIED, "no rule matches of those that allow"),
    ],
)
def test_targets_are_for_gateways(spec, outcome, told_why):
    (group,) = send(changes.apply(WORLD, [policy(spec)]), "ist/client", "http://web/").groups
    assert str(group.outcome) == outcome
    assert any(told_why in reason.text for reason in group.trace)


@pytest.mark.parametrize(
    ("annotation", "outcome"), [("true", OK), ("T", OK), ("1", OK), ("false", DENIED), ("yes", DENIED)]
)
def test_a_dry_run_never_decides(annotation, outcome):
    one = policy("{}", annotations={"istio.io/dry-run": annotation})
    assert outcomes([one]) == {outcome: 1}


# --- connections without HTTP

TCP = [
    ("{rules: [{}]}", True, True),
    ("{}", False, False),
    (FROM % "namespaces: [ist]", True, False),
    (FROM % "requestPrincipals: ['*']", False, False),
    (TO % "methods: [GET]", False, False),
    (TO % "ports: ['8080']", True, True),
    ("{rules: [{to: [{operation: {ports: ['8080'], paths: [/x]}}]}]}", False, False),
    ("{rules: [{to: [{operation: {methods: [GET]}}, {operation: {ports: ['8080']}}]}]}", False, False),
    (WHEN % ("request.headers[x]", "values: [y]"), False, False),
    (WHEN % ("source.namespace", "values: [ist]"), True, False),
    ("{action: DENY, " + (TO % "methods: [GET]")[1:], False, False),
    ("{action: DENY, " + (TO % "ports: ['8080'], methods: [GET]")[1:], False, False),
    ("{action: DENY, " + (TO % "ports: ['9'], methods: [GET]")[1:], True, True),
    ("{action: DENY, " + (FROM % "namespaces: [ist], requestPrincipals: ['*']")[1:], False, True),
    ("{action: CUSTOM, provider: {name: none}, rules: [{}]}", False, False),
    ("{action: AUDIT, rules: [{}]}", True, True),
]


@pytest.mark.parametrize(("spec", "ist", "bare"), TCP)
def test_connections_without_http(spec, ist, bare):
    service = resource(
        "Service",
        "ist/raw",
        {"selector": {"app": "web"}, "ports": [{"name": "tcp-raw", "port": 9000, "targetPort": 8080}]},
    )
    web = resource("Service", "ist/web", None)
    state = changes.apply(changes.remove(WORLD, [web]), [service, policy(spec)])
    for source, allowed in (("ist/client", ist), ("bare/client", bare)):
        (group,) = send(state, source, "http://raw.ist:9000/").groups
        assert (group.outcome.status == 200) is allowed, group.trace
        assert allowed or group.outcome.failure


# --- external authorizers

CUSTOM = "{action: CUSTOM, provider: {name: %s}, rules: [{to: [{operation: {paths: ['/a*']}}]}]}"
PROVIDERS = """
extensionProviders:
- name: asked
  envoyExtAuthzHttp:
    service: asked.bare.svc.cluster.local
    port: 80
    includeRequestHeadersInCheck: [x-ext-authz]
    headersToUpstreamOnAllow: [x-ext-authz-*]
- name: plain
  envoyExtAuthzHttp: {service: bare/asked.bare.svc.cluster.local, port: 80}
- name: short
  envoyExtAuthzHttp: {service: asked.bare, port: 80, failOpen: true}
- name: elsewhere
  envoyExtAuthzHttp: {service: ist/asked.bare.svc.cluster.local, port: 80, failOpen: true}
- name: port
  envoyExtAuthzHttp: {service: asked.bare.svc.cluster.local, port: 81, statusOnError: '503'}
- name: entry
  envoyExtAuthzHttp: {service: authz.example, port: 81}
- name: unknown
  envoyExtAuthzHttp: {service: unknown.bare.svc.cluster.local, port: 80}
- name: gone
  envoyExtAuthzHttp: {service: gone.bare.svc.cluster.local, port: 80}
- name: failing
  envoyExtAuthzHttp: {service: broken.bare.svc.cluster.local, port: 80, statusOnError: '429', timeout: 2s}
- name: open
  envoyExtAuthzHttp: {service: broken.bare.svc.cluster.local, port: 80, failOpen: true}
- name: below
  envoyExtAuthzHttp: {service: broken.bare.svc.cluster.local, port: 80, pathPrefix: /a/..}
- name: grpc
  envoyExtAuthzGrpc: {service: asked.bare.svc.cluster.local, port: 9000}
"""


@pytest.mark.parametrize(
    ("provider", "path", "headers", "outcome"),
    [
        ("asked", "/a", {"x_ext_authz": "allow"}, OK),
        ("asked", "/a", {}, DENIED),
        ("asked", "/b", {}, OK),
        ("plain", "/a", {"x_ext_authz": "allow"}, DENIED),
        ("none", "/a", {}, DENIED),
        ("none", "/b", {}, OK),
        ("gone", "/a", {}, DENIED),
        ("short", "/a", {}, DENIED),
        ("elsewhere", "/a", {}, DENIED),
        ("port", "/a", {}, "503"),
        ("failing", "/a", {}, OK),
        ("failing", "/a?status=500", {}, "429"),
        ("failing", "/a?delay=3s", {}, "429"),
        ("failing", "/a?status=401", {}, "401"),
        ("open", "/a?status=500", {}, "500 from ist/web"),
        ("below", "/a", {}, "307"),
    ],
)
def test_an_authorizer_is_asked(provider, path, headers, outcome):
    objects = [mesh_config(PROVIDERS), policy(CUSTOM % provider)]
    assert outcomes(objects, url=f"http://web{path}", **headers) == {outcome: 1}


def test_the_authorizers_answer_is_passed_on():
    state = changes.apply(WORLD, [mesh_config(PROVIDERS), policy(CUSTOM % "asked")])
    (denied,) = send(state, "ist/client", "http://web/a").groups
    assert denied.outcome.body.startswith("denied by ext_authz")
    assert denied.outcome.header("x-ext-authz-check-result") == "denied"
    (allowed,) = send(state, "ist/client", "http://web/a", x_ext_authz="allow").groups
    assert allowed.outcome.server_saw.header("x-ext-authz-check-result") == "allowed"


def test_asking_takes_time():
    for path, seconds in (("/a?delay=1s", 2.0), ("/a?delay=3s", 2.0), ("/b?delay=3s", 3.0)):
        state = changes.apply(WORLD, [mesh_config(PROVIDERS), policy(CUSTOM % "failing")])
        (group,) = send(state, "ist/client", f"http://web{path}").groups
        assert group.outcome.seconds == seconds


def test_denials_come_after_the_authorizer():
    objects = [mesh_config(PROVIDERS), policy(CUSTOM % "asked"), policy("{}", "ist/q")]
    (group,) = send(changes.apply(WORLD, objects), "ist/client", "http://web/a", x_ext_authz="allow").groups
    assert group.outcome.body == "RBAC: access denied"


def test_several_authorizers_for_one_workload_deny():
    objects = [mesh_config(PROVIDERS), policy(CUSTOM % "asked"), policy(CUSTOM % "plain", "ist/q")]
    assert outcomes(objects, url="http://web/a", x_ext_authz="allow") == {DENIED: 1}
    assert outcomes(objects, url="http://web/b") == {OK: 1}


@pytest.mark.parametrize(
    ("objects", "match"),
    [
        ([mesh_config(PROVIDERS), policy(CUSTOM % "unknown")], "nobody knows what bare/unknown answers"),
        (
            [
                mesh_config(PROVIDERS),
                policy(CUSTOM % "entry"),
                resource(
                    "ServiceEntry",
                    "ist/authz",
                    "{hosts: [authz.example], ports: [{number: 81, name: http, protocol: HTTP}], resolution: DNS}",
                    "networking.istio.io/v1",
                ),
            ],
            "a ServiceEntry may be meant",
        ),
        (
            [mesh_config(PROVIDERS), policy(CUSTOM % "grpc")],
            "asked by gRPC isn't known[^$]*--authorizer grpc=STATUS",
        ),
        (
            [policy(CUSTOM % "asked", annotations={"istio.io/dry-run": "true"})],
            "dry-run isn't modelled",
        ),
        ([policy(WHEN % ("experimental.envoy.filters.a[b]", "values: [x]"))], "key isn't modelled"),
    ],
)
def test_not_modelled(objects, match):
    with pytest.raises(NotModelledError) as caught:
        outcomes(objects, url="http://web/a")
    assert re.search(match, str(caught.value))


# the provider, what it is told to answer, the URL, what comes back
TOLD = {
    "HTTP that allows": ("unknown", AuthorizerAnswer(), "http://web/a", OK),
    "HTTP that refuses": ("unknown", AuthorizerAnswer(401), "http://web/a", "401"),
    "HTTP in error": ("failing", AuthorizerAnswer(503), "http://web/a", "429"),
    "HTTP in error, open": ("open", AuthorizerAnswer(503), "http://web/a", OK),
    "gRPC that allows": ("grpc", AuthorizerAnswer(), "http://web/a", OK),
    "gRPC that refuses": ("grpc", AuthorizerAnswer(403), "http://web/a", DENIED),
    "gRPC in error": ("grpc", AuthorizerAnswer(500), "http://web/a", DENIED),
    "gRPC, what isn't asked": ("grpc", AuthorizerAnswer(403), "http://web/b", OK),
    "by a ServiceEntry's host that isn't there": ("entry", AuthorizerAnswer(), "http://web/a", DENIED),
    "one that isn't there": ("gone", AuthorizerAnswer(), "http://web/a", DENIED),
    "none that MeshConfig has": ("none", AuthorizerAnswer(), "http://web/a", DENIED),
}


@pytest.mark.parametrize(("provider", "answer", "url", "outcome"), TOLD.values(), ids=TOLD)
def test_what_an_authorizer_is_told_to_answer(provider, answer, url, outcome):
    state = changes.apply(WORLD, [mesh_config(PROVIDERS), policy(CUSTOM % provider)])
    state = replace(state, outside=Outside(authorizers={provider: answer}))
    assert told(send(state, "ist/client", url)) == {outcome: 1}


def test_headers_of_what_an_authorizer_is_told():
    headers = (("x-ext-authz-check-result", "ok"), ("x-user", "bob"))
    for provider, seen in (("asked", ["ok", None]), ("grpc", ["ok", "bob"])):
        state = changes.apply(WORLD, [mesh_config(PROVIDERS), policy(CUSTOM % provider)])
        state = replace(state, outside=Outside(authorizers={provider: AuthorizerAnswer(headers=headers)}))
        (group,) = send(state, "ist/client", "http://web/a").groups
        assert [group.outcome.server_saw.header(name) for name, _ in headers] == seen


def test_an_authorizer_that_needs_itself_is_named():
    inside = app("ist/asked", "registry.example/ext-authz:1", 8000)
    provider = (
        "extensionProviders: [{name: p, envoyExtAuthzHttp: {service: asked.ist.svc.cluster.local, port: 80}}]"
    )
    everybody = policy("{action: CUSTOM, provider: {name: p}, rules: [{}]}", "istio-system/p")
    with pytest.raises(NotModelledError, match="comes to ist/asked without end"):
        outcomes([*inside, mesh_config(provider), everybody])


# --- paths


@pytest.mark.parametrize(
    ("mode", "path", "made"),
    [
        ("NONE", "/a/../b", "/a/../b"),
        ("BASE", "/a/../b", "/b"),
        ("BASE", "/a/%2E./b", "/b"),
        ("BASE", "/a/./b/..", "/a/"),
        ("BASE", "/../a", "/a"),
        ("BASE", "/x%30..//b", "/x0..//b"),
        ("BASE", "/a\\b", "/a/b"),
        ("BASE", "/a%2fb%5Cc", "/a%2fb%5Cc"),
        ("BASE", "/...", "/..."),
        ("BASE", "/%252e%252e/a", "/%252e%252e/a"),
        ("DEFAULT", "/a//b", "/a//b"),
        ("MERGE_SLASHES", "/a//b///", "/a/b/"),
        ("MERGE_SLASHES", "/a/%2f", "/a/%2f"),
        ("DECODE_AND_MERGE_SLASHES", "/a%2F%2e%2E%5cb", "/b"),
        ("BASE", "/a%00", None),
    ],
)
def test_paths_are_normalized(mode, path, made):
    assert normalized(path, mode) == made


@pytest.mark.parametrize(
    ("config", "path", "outcome"),
    [
        ("{}", "/x/../admin", DENIED),
        ("{}", "/%61dmin", DENIED),
        ("{}", "//admin", "307 from ist/web"),
        ("pathNormalization: {normalization: MERGE_SLASHES}", "//admin", DENIED),
        ("pathNormalization: {normalization: NONE}", "/x/../admin", "307 from ist/web"),
        ("{}", "/a%00", "400"),
    ],
)
def test_rules_see_normalized_paths(config, path, outcome):
    deny = policy("{action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}")
    assert outcomes([mesh_config(config), deny], "bare/client", f"http://web.ist{path}") == {outcome: 1}


# --- trust domains


@pytest.mark.parametrize(
    ("principal", "domains", "made"),
    [
        ("cluster.local/ns/a/sa/b", ("cluster.local",), ["cluster.local/ns/a/sa/b"]),
        ("cluster.local/ns/a/sa/b", ("new",), ["new/ns/a/sa/b"]),
        ("old/ns/a/sa/b", ("new", "old"), ["new/ns/a/sa/b", "old/ns/a/sa/b"]),
        ("other/ns/a/sa/b", ("new", "old"), ["other/ns/a/sa/b"]),
        ("*/ns/a/sa/b", ("new", "old"), ["*/ns/a/sa/b"]),
        ("*ld/ns/a/sa/b", ("new", "old"), ["new/ns/a/sa/b", "*ld/ns/a/sa/b"]),
        ("*", ("new", "old"), ["*"]),
        ("cluster.local/ns/a/*", ("new",), ["cluster.local/ns/a/*"]),
    ],
)
def test_aliases_of_a_trust_domain(principal, domains, made):
    assert list(with_aliases(principal, domains)) == made


MOVED = [
    ("cluster.local/ns/ist/sa/default", OK),
    ("new/ns/ist/sa/default", OK),
    ("old/ns/ist/sa/default", OK),
    ("other/ns/ist/sa/default", DENIED),
]


@pytest.mark.parametrize(("principal", "outcome"), MOVED)
@pytest.mark.parametrize("restarted", [True, False])
def test_policies_follow_the_trust_domain(principal, outcome, restarted):
    old = changes.restart(changes.apply(WORLD, [mesh_config("trustDomain: old")]), "ist")
    state = changes.apply(old, [mesh_config("{trustDomain: new, trustDomainAliases: [old]}")])
    state = changes.restart(state, "ist") if restarted else state
    state = changes.apply(state, [policy(FROM % f"principals: [{principal}]")])
    (group,) = send(state, "ist/client", "http://web/").groups
    assert str(group.outcome) == outcome
    assert group.outcome.hop.client == f"spiffe://{'new' if restarted else 'old'}/ns/ist/sa/default"


def test_a_trust_domain_that_was_dropped_isnt_believed():
    (group,) = send(
        changes.apply(WORLD, [mesh_config("trustDomain: new")]), "ist/client", "http://web/"
    ).groups
    assert group.outcome.status == 503
    assert any("started in trust domain cluster.local" in reason.text for reason in group.trace)


# --- what the webhook refuses


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        (WHEN % ("source.user", "values: [x]"), "unknown attribute: source.user"),
        (WHEN % ("request.headers", "values: [x]"), "should have format a.b."),
        (WHEN % ("destination.labels[a]", "values: [x]"), "replaced by the workload selector"),
        (WHEN % ("source.ip", "values: [x]"), "bad IP address"),
        (FROM % "serviceAccounts: ['*']", "wildcard not allowed"),
        (FROM % "serviceAccounts: [a/b/c]", "expected format"),
        (FROM % "trustDomains: ['a*b']", "only allowed at the start or end"),
        (FROM % "notPrincipals: ['']", "empty value not allowed, found in NotPrincipals"),
        (TO % "paths: ['/{**}/a/{*}']", "not the last operator"),
        (TO % "paths: ['/{a}']", "beyond a supported path template"),
        (TO % "paths: ['/a b/{*}']", "invalid string literal"),
        ("{selector: {matchLabels: {app: 'a*'}}}", "wildcard not allowed in label value match"),
        ("{targetRefs: [{kind: Pod, name: a}]}", "targetRef must be to one of"),
        ("{targetRefs: [{kind: Service, name: a, namespace: b}]}", "cross namespace"),
        ("{selector: {matchLabels: {a: b}}, targetRefs: [{kind: Service, name: a}]}", "only one of"),
        (
            "{action: CUSTOM, provider: {name: p}, rules: [{from: [{source: {notPrincipals: [a]}}]}]}",
            "From.NotPrincipals is currently not supported with CUSTOM",
        ),
        (
            "{action: CUSTOM, provider: {name: p}, rules: [{when: [{key: source.namespace, values: [a]}]}]}",
            "source.namespace is currently not supported with CUSTOM",
        ),
    ],
)
def test_refused(spec, match):
    with pytest.raises(Refused, match=match):
        changes.apply(WORLD, [policy(spec)])


# --- PeerAuthentication


def peers(spec, name="ist/default"):
    return resource("PeerAuthentication", name, spec)


STRICT = "{mtls: {mode: STRICT}}"
RESET = "connection reset (curl 56)"


@pytest.mark.parametrize(
    ("objects", "outcome"),
    [
        ([peers("{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}}", "istio-system/p")], OK),
        ([peers("{selector: {matchLabels: {app: web}}, portLevelMtls: {'8080': {mode: STRICT}}}")], RESET),
        ([peers("{selector: {matchLabels: {app: web}}, portLevelMtls: {'80': {mode: STRICT}}}")], OK),
        (
            [
                peers(
                    "{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}, portLevelMtls: {'8080': {mode: UNSET}}}"
                )
            ],
            RESET,
        ),
        (
            [
                peers(STRICT),
                peers(
                    "{selector: {matchLabels: {app: web}}, portLevelMtls: {'8080': {mode: DISABLE}}}", "ist/w"
                ),
            ],
            OK,
        ),
        ([peers(STRICT), peers("{selector: {matchLabels: {app: web}}}", "ist/w")], RESET),
        ([peers(STRICT), peers("{mtls: {mode: PERMISSIVE}}", "ist/zzz")], RESET),
        ([peers("{}", "istio-system/default")], OK),
    ],
)
def test_which_peer_authentication_counts(objects, outcome):
    assert outcomes(objects, "bare/client") == {outcome: 1}


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ("{portLevelMtls: {'8080': {mode: STRICT}}}", "portLevelMtls requires selector"),
        ("{selector: {matchLabels: {a: b}}, portLevelMtls: {}}", "should have at least 1 properties"),
        (
            "{selector: {matchLabels: {a: b}}, portLevelMtls: {'0': {mode: STRICT}}}",
            "port must be between 1-65535",
        ),
    ],
)
def test_peer_authentication_refused(spec, match):
    with pytest.raises(Refused, match=match):
        changes.apply(WORLD, [peers(spec)])


# --- the ingress gateway

INGRESS = [
    resource(
        "Gateway",
        "ist/g",
        "{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
    ),
    resource(
        "VirtualService",
        "ist/v",
        """
hosts: [shop.test]
gateways: [g]
http:
- match: [{headers: {'@request.auth.claims.role': {exact: admin}}}]
  route: [{destination: {host: web}}]
- match: [{withoutHeaders: {'@request.auth.claims[role]': {prefix: a}}}]
  directResponse: {status: 418}
- directResponse: {status: 404}
""",
    ),
]
AT_GATEWAY = resource(
    "RequestAuthentication",
    "istio-system/auth",
    "{selector: {matchLabels: {istio: ingressgateway}}, jwtRules: [{issuer: a, forwardOriginalToken: true}]}",
    SECURITY,
)
GATEWAY = "http://istio-ingressgateway.istio-system/"


def through(objects, token=None, **headers):
    named = tuple((key.replace("_", "-"), value) for key, value in headers.items())
    request = Request(
        Workload("bare", "client"), GATEWAY, headers=(("host", "shop.test"), *named), token=token
    )
    return decide(changes.apply(WORLD, [*INGRESS, *objects]), request)


@pytest.mark.parametrize(
    ("objects", "claims", "outcome"),
    [
        ([AT_GATEWAY], {"iss": "a", "role": "admin"}, OK),
        ([AT_GATEWAY], {"iss": "a", "role": ["dev", "admin"]}, OK),
        ([AT_GATEWAY], {"iss": "a", "role": "dev"}, "418"),
        ([AT_GATEWAY], {"iss": "a", "role": "auditor"}, "404"),
        ([AT_GATEWAY], {"iss": "b", "role": "admin"}, "401"),
        ([], {"iss": "a", "role": "admin"}, "418"),
    ],
)
def test_gateways_route_by_claims(objects, claims, outcome):
    assert told(through(objects, Token.of(claims))) == {outcome: 1}


ALL = resource(
    "VirtualService",
    "ist/v",
    "{hosts: [shop.test], gateways: [g], http: [{route: [{destination: {host: web}}]}]}",
)


def test_what_a_gateway_tells_of_clients():
    (group,) = through([ALL], x_forwarded_client_cert="forged", x_forwarded_for="1.2.3.4").groups
    saw = group.outcome.server_saw
    assert saw.header("x-forwarded-for") == "1.2.3.4,<ip>"
    gateway = "spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account"
    assert saw.header("x-forwarded-client-cert").endswith(f"URI={gateway}")
    assert "forged" not in saw.header("x-forwarded-client-cert")


@pytest.mark.parametrize(
    ("config", "outcome"),
    [
        ("{}", DENIED),
        ("{defaultConfig: {gatewayTopology: {numTrustedProxies: 1}}}", OK),
        ("{defaultConfig: {gatewayTopology: {numTrustedProxies: 2}}}", DENIED),
    ],
)
def test_a_gateway_believes_as_many_proxies_as_it_is_told(config, outcome):
    spec = (FROM % "remoteIpBlocks: [203.0.113.0/24]")[
        :-1
    ] + ", selector: {matchLabels: {istio: ingressgateway}}}"
    objects = [ALL, mesh_config(config), policy(spec, "istio-system/p")]
    assert told(through(objects, x_forwarded_for="198.51.100.1, 203.0.113.9")) == {outcome: 1}


@pytest.mark.parametrize(("name", "outcome"), [("istio-ingressgateway.*", OK), ("shop.test", DENIED)])
def test_the_name_that_tls_asks_a_gateway_for(name, outcome):
    server = "{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: c}}"
    gateway = resource("Gateway", "ist/g", f"{{selector: {{istio: ingressgateway}}, servers: [{server}]}}")
    spec = (WHEN % ("connection.sni", f"values: ['{name}']"))[:-1]
    allowing = policy(spec + ", selector: {matchLabels: {istio: ingressgateway}}}", "istio-system/p")
    state = changes.apply(WORLD, [gateway, ALL, allowing, resource("Secret", "istio-system/c")])
    asked = send(state, "bare/client", GATEWAY.replace("http", "https"), host="shop.test")
    assert told(asked) == {outcome: 1}


def test_a_policy_on_the_gateway():
    denying = policy("{selector: {matchLabels: {istio: ingressgateway}}}", "istio-system/p")
    assert told(through([ALL, denying])) == {DENIED: 1}
