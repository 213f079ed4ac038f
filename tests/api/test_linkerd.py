"""How Linkerd's objects, annotations and settings are read."""

from fractions import Fraction
from ipaddress import ip_network

import pytest

from harness.api.linkerd import annotation
from harness.api.linkerd.annotation import Retries, Timeouts
from harness.api.linkerd.identity import (
    admits,
)
from harness.api.linkerd.linkerd_config import LinkerdConfig
from harness.api.linkerd.policy import (
    EgressNetwork,
    HTTPLocalRateLimitPolicy,
    LinkerdAuthorizationPolicy,
    LinkerdServer,
    MeshTLSAuthentication,
    NetworkAuthentication,
    ServerAuthorization,
)
from harness.api.linkerd.ports import lenient, strict
from harness.api.linkerd.service_profile import ServiceProfile
from harness.base.errors import InputError, NotModelledError
from tests.model.clusters import resource

L5D = "serviceaccount.identity.linkerd.example.org"


def test_a_server_has_defaults():
    read = LinkerdServer.of(resource("Server", "lnk/s", "{podSelector: {}, port: http}"))
    assert (read.port, read.protocol, read.access_policy) == ("http", "unknown", "deny")
    read = LinkerdServer.of(
        resource("Server", "lnk/s", "{port: 80, proxyProtocol: gRPC, accessPolicy: audit}")
    )
    assert (read.port, read.protocol, read.access_policy) == (80, "gRPC", "audit")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{identities: ['*', a.lnk]}", ("*", "a.lnk")),
        ("{identityRefs: [{kind: ServiceAccount, name: a}]}", (f"a.lnk.{L5D}",)),
        ("{identityRefs: [{kind: ServiceAccount, name: a, namespace: n}]}", (f"a.n.{L5D}",)),
        ("{identityRefs: [{kind: namespace, group: CORE, name: n}]}", (f"*.n.{L5D}",)),
    ],
)
def test_identities(spec, expected):
    read = MeshTLSAuthentication.of(resource("MeshTLSAuthentication", "lnk/m", spec))
    assert read.identities("example.org") == expected


@pytest.mark.parametrize(
    ("wanted", "identity", "is_one"),
    [
        ("*", "a.b", True),
        ("*.b", "a.b", True),
        ("*.b", "b", False),
        ("a.b", "a.b", True),
        ("a", "a.b", False),
    ],
)
def test_which_identity_is_meant(wanted, identity, is_one):
    assert admits(wanted, identity) is is_one


def test_a_server_authorization():
    read = ServerAuthorization.of(
        resource(
            "ServerAuthorization",
            "lnk/a",
            "{server: {selector: {matchLabels: {a: b}}}, client: {networks: [{cidr: 10.0.0.1/8, except: [10.1.0.0/16]}],"
            " meshTLS: {identities: [x], serviceAccounts: [{name: a}, {name: a, namespace: n}]}}}",
        )
    )  # fmt: skip
    assert read.client.tls.identities("example.org") == ("x", f"a.lnk.{L5D}", f"a.n.{L5D}")
    [block] = read.client.networks
    assert (block.cidr, block.exceptions) == (ip_network("10.0.0.0/8"), (ip_network("10.1.0.0/16"),))
    assert read.server.includes(resource("Server", "lnk/s", "{}", labels={"a": "b"}))
    assert not read.server.includes(resource("Server", "lnk/s", "{}"))


@pytest.mark.parametrize(
    ("chosen", "included"), [("name: s", True), ("name: t", False), ("selector: {}", True), ("", False)]
)
def test_the_servers_of_an_authorization(chosen, included):
    read = ServerAuthorization.of(resource("ServerAuthorization", "lnk/a", f"{{server: {{{chosen}}}}}"))
    assert read.server.includes(resource("Server", "lnk/s", "{}")) is included


def test_a_policy_refers_to_its_own_namespace():
    spec = (
        "{targetRef: {kind: Server, name: s}, requiredAuthenticationRefs: [{kind: ServiceAccount, name: a}]}"
    )
    read = LinkerdAuthorizationPolicy.of(resource("AuthorizationPolicy", "lnk/p", spec))
    assert (read.target.kind, read.target.name, read.target.group) == ("Server", "s", "")
    assert [(one.namespace, one.path) for one in read.authentications] == [
        ("lnk", "spec.requiredAuthenticationRefs[0]")
    ]


def test_networks():
    read = NetworkAuthentication.of(
        resource("NetworkAuthentication", "lnk/n", "{networks: [{cidr: 10.0.0.7}]}")
    )
    assert [block.cidr for block in read.networks] == [ip_network("10.0.0.7/32")]
    assert EgressNetwork.of(resource("EgressNetwork", "lnk/e", "{trafficPolicy: Allow}")).allows
    assert not EgressNetwork.of(resource("EgressNetwork", "lnk/e", "{trafficPolicy: Deny}")).allows


def test_a_rate_limit():
    spec = (
        "{targetRef: {kind: Server, name: s}, total: {requestsPerSecond: 9},"
        " overrides: [{requestsPerSecond: 3, clientRefs: [{kind: ServiceAccount, name: a}]}]}"
    )
    read = HTTPLocalRateLimitPolicy.of(resource("HTTPLocalRateLimitPolicy", "lnk/r", spec))
    assert (read.total.requests, bool(read.identity), read.overrides[0].requests) == (9, False, 3)
    assert [(one.name, one.namespace) for one in read.overrides[0].clients] == [("a", "lnk")]


def profile(spec: str):
    return ServiceProfile.of(resource("ServiceProfile", "lnk/web.lnk.svc.cluster.local", spec))


@pytest.mark.parametrize(
    ("spec", "decides"),
    [
        ("{}", False),
        ("{routes: [{name: r, condition: {method: GET}}]}", True),
        ("{dstOverrides: [{authority: a, weight: 0}]}", False),
        ("{dstOverrides: [{authority: a, weight: 500m}]}", True),
    ],
)
def test_which_profiles_take_their_service_over(spec, decides):
    assert profile(spec).decides is decides


def test_a_profile():
    read = profile(
        "{routes: [{name: r, condition: {all: [{pathRegex: /a}, {not: {method: GET}}]}, timeout: 300ms,"
        " responseClasses: [{condition: {status: {min: 500}}, isFailure: true}]}],"
        " dstOverrides: [{authority: 'a.lnk:81', weight: 2k}, {authority: b.lnk, weight: '1'}],"
        " retryBudget: {retryRatio: 0.5, minRetriesPerSecond: 3, ttl: 2s}}"
    )
    [part] = read.routes
    first, second = part.condition.all
    assert (first.path_regex, second.negated.method, part.timeout) == ("/a", "GET", 0.3)
    assert second.negated.path == "spec.routes[0].condition.all[1].not"
    assert (part.classes[0].condition.status.low, part.classes[0].condition.status.high) == (500, 0)
    assert [(one.host, one.port, one.weight) for one in read.overrides] == [
        ("a.lnk", 81, 2000),
        ("b.lnk", None, 1),
    ]
    assert (read.budget.ratio, read.budget.reserve) == (Fraction(1, 2), 6)
    assert (profile("{}").budget.ratio, profile("{}").budget.reserve) == (Fraction(1, 5), 100)


TIMEOUT, RETRY = "timeout.linkerd.io", "retry.linkerd.io"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({}, Timeouts()),
        ({f"{TIMEOUT}/request": "2s", f"{TIMEOUT}/response": "500ms"}, Timeouts(2.0, 0.5)),
        ({f"{TIMEOUT}/request": "0", f"{TIMEOUT}/idle": "1d"}, Timeouts(idle=86400.0)),
        ({f"{TIMEOUT}/request": "1m30s", f"{TIMEOUT}/response": "1s"}, Timeouts()),
    ],
)
def test_timeouts(entries, expected):
    assert annotation.timeouts(resource("Service", "lnk/s", "{}", annotations=entries)) == expected


@pytest.mark.parametrize(
    ("entries", "grpc", "expected"),
    [
        ({}, False, None),
        ({f"{RETRY}/limit": "3"}, False, Retries(((500, 599),), limit=3)),
        ({f"{RETRY}/http": "gateway-error,404", f"{RETRY}/timeout": "1s"}, False, Retries(((502, 504), (404, 404)), timeout=1.0)),
        ({f"{RETRY}/grpc": "internal,UNAVAILABLE"}, True, Retries(codes=(13, 14))),
        ({f"{RETRY}/http": "sometimes"}, False, None),
    ],
)  # fmt: skip
def test_retries(entries, grpc, expected):
    read = annotation.retries(resource("Service", "lnk/s", "{}", annotations=entries), grpc=grpc)
    assert read == expected


@pytest.mark.parametrize(
    ("text", "strictly", "leniently"),
    [
        ("25,3306-3308", {25, 3306, 3307, 3308}, {25, 3306, 3307, 3308}),
        ("25,http", set(), {25, 8080}),
        ("", set(), set()),
        ("9-7, 70000", set(), set()),
    ],
)
def test_ports(text, strictly, leniently):
    assert (strict(text), lenient(text, {"http": 8080})) == (strictly, leniently)


def settings(text: str):
    made = resource("ConfigMap", "linkerd/linkerd-config")
    made.data["data"] = {"values": text}
    return made


def test_settings_of_an_installation():
    assert LinkerdConfig.of(None) == LinkerdConfig()
    read = LinkerdConfig.of(
        settings("{identityTrustDomain: a.org, proxy: {opaquePorts: '25,80', defaultInboundPolicy: deny}}")
    )
    assert (read.trust_domain, read.opaque_ports, read.default_policy) == ("a.org", {25, 80}, "deny")
    assert read.blocks[0] == ip_network("10.0.0.0/8")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", InputError),
        ("[a]", InputError),
        ("clusterDomain: a.org", NotModelledError),
        ("proxy: {defaultInboundPolicy: open}", NotModelledError),
    ],
)
def test_settings_that_are_not_understood(text, error):
    with pytest.raises(error, match="linkerd-config"):
        LinkerdConfig.of(settings(text))
