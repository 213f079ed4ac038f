"""The TLS that Istio's proxies begin: at sidecars, to egress gateways, and from there on."""

from __future__ import annotations

import pytest

from harness.base.errors import NotModelledError
from harness.model import changes
from tests.model.clusters import ISTIO, app, cluster, deployment, resource, send, told

EGRESS = "istio-egressgateway.istio-system.svc.cluster.local"
HOST = "secure.acme.com"
OUT, CLOSED = "left the cluster to 192.0.2.1", {"503": 1}
WEB = {"200 from ist/web": 1}
SAN = "spiffe://cluster.local/ns/%s/sa/%s"
SIMPLE = "mode: SIMPLE, credentialName: ca"
MUTUAL = f"mode: ISTIO_MUTUAL, sni: {HOST}"


def egress_gateway():
    container = {"name": "istio-proxy", "image": "istio/proxyv2", "args": ["proxy", "router"]}
    labels = {"app": "egress"}
    return [
        deployment("istio-system/egress", {"containers": [container]}, labels),
        resource(
            "Service",
            "istio-system/istio-egressgateway",
            "{selector: {app: egress}, ports: [{name: https, port: 443, targetPort: 8443}]}",
        ),
    ]


WORLD = changes.apply(
    cluster(ISTIO),
    [
        *app("ist/client", "curlimages/curl"),
        *app("ist/web", "l5d/echo:v1", 8080),
        *app("bare/plain", "l5d/echo:v1", 8080),
        *egress_gateway(),
        resource("Secret", "istio-system/ca-cacert"),
        resource(
            "ServiceEntry",
            "ist/secure",
            f"{{hosts: [{HOST}], resolution: STATIC, endpoints: [{{address: 192.0.2.1}}], ports: "
            "[{number: 80, name: http, protocol: HTTP}, {number: 443, name: https, protocol: HTTPS}]}",
        ),
    ],
)


def gateway(host=HOST, mode="ISTIO_MUTUAL", protocol="HTTPS"):
    port = f"port: {{number: 443, name: s, protocol: {protocol}}}"
    server = f"{{{port}, hosts: ['{host}'], tls: {{mode: {mode}}}}}"
    return resource("Gateway", "ist/egress", f"{{selector: {{app: egress}}, servers: [{server}]}}")


def towards(host, tls, name):
    ports = f"[{{port: {{number: 443}}, tls: {{{tls}}}}}]"
    return resource(
        "DestinationRule", f"ist/{name}", f"{{host: {host}, trafficPolicy: {{portLevelSettings: {ports}}}}}"
    )


def to(host):
    return f"route: [{{destination: {{host: {host}, port: {{number: 443}}}}}}]"


VIA = resource(
    "VirtualService",
    "ist/via",
    f"{{hosts: [{HOST}], gateways: [egress, mesh], http: ["
    f"{{match: [{{gateways: [mesh], port: 80}}], {to(EGRESS)}}},"
    f"{{match: [{{gateways: [egress], port: 443}}], {to(HOST)}}}]}}",
)
BY_NAME = resource(
    "VirtualService",
    "ist/via",
    f"{{hosts: [{HOST}], gateways: [egress, mesh], tls: ["
    f"{{match: [{{gateways: [mesh], port: 443, sniHosts: [{HOST}]}}], {to(EGRESS)}}},"
    f"{{match: [{{gateways: [egress], port: 443, sniHosts: [{HOST}]}}], {to(HOST)}}}]}}",
)
DIRECT = resource("VirtualService", "ist/direct", f"{{hosts: [{HOST}], http: [{{{to(HOST)}}}]}}")
ORIGINATED = {f"{OUT}:443 (with TLS by the client's proxy)": 1}


def asked(*objects, url=f"http://{HOST}/"):
    return told(send(changes.apply(WORLD, objects), "ist/client", url))


# Seen on a cluster, but for the gateway's own namespace.
@pytest.mark.parametrize(
    ("server", "first", "then", "outcome"),
    [
        (gateway(), MUTUAL, SIMPLE, ORIGINATED),
        (gateway(), "mode: ISTIO_MUTUAL", SIMPLE, CLOSED),
        (gateway(), "mode: ISTIO_MUTUAL, sni: x.y", SIMPLE, CLOSED),
        (gateway("*"), "mode: ISTIO_MUTUAL", SIMPLE, ORIGINATED),
        (gateway(), MUTUAL, "mode: SIMPLE, credentialName: other", CLOSED),
        (
            gateway(),
            MUTUAL,
            "mode: SIMPLE, credentialName: kubernetes-gateway://istio-system/ca-cacert",
            ORIGINATED,
        ),
        (gateway(), MUTUAL, "mode: MUTUAL, credentialName: ca", CLOSED),
        (gateway(), MUTUAL, "mode: SIMPLE, insecureSkipVerify: true", ORIGINATED),
        (gateway(), "mode: DISABLE", SIMPLE, CLOSED),
        (gateway(), "mode: SIMPLE, insecureSkipVerify: true", SIMPLE, CLOSED),
        (gateway(), f"{MUTUAL}, subjectAltNames: ['{SAN % ('x', 'y')}']", SIMPLE, CLOSED),
        (
            gateway(),
            f"{MUTUAL}, subjectAltNames: ['{SAN % ('istio-system', 'default')}']",
            SIMPLE,
            ORIGINATED,
        ),
    ],
)
def test_tls_at_an_egress_gateway(server, first, then, outcome):
    assert asked(server, VIA, towards(EGRESS, first, "to-gateway"), towards(HOST, then, "out")) == outcome


def test_tls_of_the_client_is_passed_on_by_its_name():
    objects = gateway(mode="PASSTHROUGH", protocol="TLS"), BY_NAME
    assert asked(*objects, url=f"https://{HOST}/") == {f"{OUT}:443": 1}
    with pytest.raises(NotModelledError, match=r"servers\[0\].tls.mode"):
        asked(*objects, towards(EGRESS, MUTUAL, "to-gateway"), url=f"https://{HOST}/")


@pytest.mark.parametrize(
    ("tls", "outcome"),
    [
        ("mode: SIMPLE", ORIGINATED),
        ("mode: SIMPLE, sni: a.b", ORIGINATED),
        (SIMPLE, {f"{OUT}:443": 1}),  # a sidecar gets no Secret
        ("mode: SIMPLE, credentialName: 'configmap://ist/none'", CLOSED),
    ],
)
def test_tls_at_a_sidecar(tls, outcome):
    assert asked(DIRECT, towards(HOST, tls, "out")) == outcome


@pytest.mark.parametrize("secret", [None, "ist/ca", "ist/ca-cacert"])
def test_a_rule_for_some_workloads_gives_a_sidecar_its_secret(secret):
    spec = f"{{host: {HOST}, workloadSelector: {{matchLabels: {{app: client}}}}, trafficPolicy: {{tls: {{{SIMPLE}}}}}}}"
    objects = [DIRECT, resource("DestinationRule", "ist/out", spec)]
    objects += [resource("Secret", secret)] if secret else []
    assert asked(*objects) == (ORIGINATED if secret else CLOSED)


@pytest.mark.parametrize(
    ("tls", "outcome"),
    [
        (f"mode: ISTIO_MUTUAL, subjectAltNames: ['{SAN % ('ist', 'default')}']", WEB),
        (f"mode: ISTIO_MUTUAL, subjectAltNames: ['{SAN % ('ist', 'other')}']", CLOSED),
        ("mode: ISTIO_MUTUAL, sni: x.y", WEB),
        ("mode: SIMPLE", CLOSED),
        ("mode: ISTIO_MUTUAL}, proxyProtocol: {version: V1", CLOSED),  # the header comes first
    ],
)
def test_tls_to_a_sidecar(tls, outcome):
    rule = resource("DestinationRule", "ist/web", f"{{host: web, trafficPolicy: {{tls: {{{tls}}}}}}}")
    assert asked(rule, url="http://web/") == outcome


@pytest.mark.parametrize(
    ("sni", "rule", "outcome"),
    [
        ("outbound_.80_._.web.ist.svc.cluster.local", "", WEB),
        ("outbound_.80_.v1_.web.ist.svc.cluster.local", "", {"403": 1}),
        ("x.y", "tls: {mode: ISTIO_MUTUAL, sni: x.y}", WEB),
        ("outbound_.80_._.web.ist.svc.cluster.local", "tls: {mode: ISTIO_MUTUAL, sni: x.y}", {"403": 1}),
    ],
)
def test_a_policy_on_the_name_that_the_meshs_own_tls_asks_for(sni, rule, outcome):
    when = f"[{{when: [{{key: connection.sni, values: ['{sni}']}}]}}]"
    policy = resource(
        "AuthorizationPolicy",
        "ist/p",
        f"{{selector: {{matchLabels: {{app: web}}}}, rules: {when}}}",
        "security.istio.io/v1",
    )
    objects = (
        [resource("DestinationRule", "ist/web", f"{{host: web, trafficPolicy: {{{rule}}}}}")] if rule else []
    )
    assert asked(policy, *objects, url="http://web/") == outcome


PASSTHROUGH = "{host: %s, trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}}"
PLAIN = "plain.bare.svc.cluster.local"


@pytest.mark.parametrize(
    ("host", "rules", "outcome", "encrypted"),
    [
        ("web", [PASSTHROUGH % "web"], WEB, True),
        ("plain.bare", [PASSTHROUGH % PLAIN], {"200 from bare/plain": 1}, False),
        # To where the client dialled, over the TLS of the destination that the rule names.
        (
            "web",
            [
                PASSTHROUGH % PLAIN,
                f"{{hosts: [web], http: [{{route: [{{destination: {{host: {PLAIN}}}}}]}}]}}",
            ],
            WEB,
            False,
        ),
    ],
)
def test_passthrough_goes_where_the_client_dialled(host, rules, outcome, encrypted):
    kinds = zip(("DestinationRule", "VirtualService"), rules, strict=False)
    objects = [resource(kind, "ist/p", spec) for kind, spec in kinds]
    answers = send(changes.apply(WORLD, objects), "ist/client", f"http://{host}/")
    assert told(answers) == outcome
    assert {group.outcome.hop.mutual for group in answers.groups} == {encrypted}


UPGRADE = "connectionPool: {http: {h2UpgradePolicy: UPGRADE}}"


@pytest.mark.parametrize(
    ("host", "policy", "field"),
    [
        ("web", UPGRADE, ""),
        ("plain.bare", UPGRADE, "h2UpgradePolicy"),
        ("web", "proxyProtocol: {version: V1}, tls: {mode: DISABLE}", "proxyProtocol"),
        ("plain.bare", "proxyProtocol: {version: V1}", "proxyProtocol"),
        ("web", "tunnel: {targetHost: a.b, targetPort: 1}", "tunnel"),
    ],
)
def test_what_depends_on_the_application(host, policy, field):
    full = host if "." not in host else f"{host}.svc.cluster.local"
    rule = resource("DestinationRule", "ist/d", f"{{host: {full}, trafficPolicy: {{{policy}}}}}")
    if not field:
        assert asked(rule, url=f"http://{host}/") == WEB
        return
    with pytest.raises(NotModelledError, match=field):
        asked(rule, url=f"http://{host}/")


@pytest.mark.parametrize(
    ("sni", "hosts", "outcome"),
    [
        ("outbound_.80_._.web.ist.svc.cluster.local", "*.local", WEB),
        ("outbound_.80_._.web.ist.svc.cluster.local", "*.global", CLOSED),
        ("outbound_.81_._.web.ist.svc.cluster.local", "*.local", CLOSED),
        ("outbound_.80_._.plain.bare.svc.cluster.local", "*.local", CLOSED),  # no sidecar to end it
    ],
)
def test_a_gateway_for_other_clusters(sni, hosts, outcome):
    to_gateway = resource("VirtualService", "ist/v", f"{{hosts: [web.global], http: [{{{to(EGRESS)}}}]}}")
    entry = resource(
        "ServiceEntry",
        "ist/web",
        "{hosts: [web.global], resolution: STATIC, endpoints: [{address: 192.0.2.9}], ports: [{number: 80, name: http}]}",
    )
    objects = (
        gateway(hosts, "AUTO_PASSTHROUGH", "TLS"),
        to_gateway,
        entry,
        towards(EGRESS, f"mode: ISTIO_MUTUAL, sni: {sni}", "to-gateway"),
    )
    assert asked(*objects, url="http://web.global/") == outcome
