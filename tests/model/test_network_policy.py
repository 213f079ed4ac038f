from __future__ import annotations

import pytest
import yaml

from harness.base.errors import NotModelledError
from harness.model import Refused, changes
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource, send, told

POLICY = "networking.k8s.io/v1"
WEB, RESET, TIMEOUT = "200 from bare/web", "connection reset (curl 56)", "timed out (curl 28)"
NO_NAME = "could not resolve host (curl 6)"
TO_WEB = {"matchLabels": {"app": "web"}}
FROM_CLIENT = {"podSelector": {"matchLabels": {"app": "client"}}}
TO_DNS = {"to": [{"namespaceSelector": {}}], "ports": [{"protocol": "UDP", "port": 53}]}


def world(*meshes, namespace="bare"):
    return changes.apply(
        cluster(*meshes),
        [
            *app(f"{namespace}/client", "curlimages/curl"),
            *app(f"{namespace}/other", "curlimages/curl"),
            *app(f"{namespace}/web", "unknown/web:1", 8080),
        ],
    )


def policy(spec, name="bare/p"):
    return resource("NetworkPolicy", name, spec, POLICY)


BARE = world()


@pytest.mark.parametrize(
    ("spec", "client", "other"),
    [
        ({"podSelector": TO_WEB}, TIMEOUT, TIMEOUT),
        ({"podSelector": TO_WEB, "ingress": [{}]}, WEB, WEB),
        ({"podSelector": TO_WEB, "ingress": [{"from": []}]}, WEB, WEB),
        ({"podSelector": TO_WEB, "policyTypes": ["Egress"]}, WEB, WEB),
        ({"podSelector": {"matchLabels": {"app": "else"}}}, WEB, WEB),
        ({"podSelector": TO_WEB, "ingress": [{"from": [FROM_CLIENT]}]}, WEB, TIMEOUT),
        (
            {"podSelector": TO_WEB, "ingress": [{"from": [FROM_CLIENT], "ports": [{"port": 80}]}]},
            TIMEOUT,
            TIMEOUT,
        ),
        ({"podSelector": TO_WEB, "ingress": [{"ports": [{"port": 8080}]}]}, WEB, WEB),
        ({"podSelector": TO_WEB, "ingress": [{"ports": [{"port": "http"}]}]}, WEB, WEB),
        ({"podSelector": TO_WEB, "ingress": [{"ports": [{"port": 8000, "endPort": 8090}]}]}, WEB, WEB),
        ({"podSelector": TO_WEB, "ingress": [{"ports": [{"protocol": "UDP"}]}]}, TIMEOUT, TIMEOUT),
        ({"podSelector": TO_WEB, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}, WEB, WEB),
        (
            {
                "podSelector": TO_WEB,
                "ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]}],
            },
            TIMEOUT,
            TIMEOUT,
        ),
        ({"policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]}, WEB, WEB),
        ({"policyTypes": ["Egress"]}, NO_NAME, NO_NAME),
        ({"egress": [TO_DNS]}, TIMEOUT, TIMEOUT),
        ({"egress": [TO_DNS, {"to": [{"podSelector": TO_WEB}]}], "ingress": [{}]}, WEB, WEB),
        (
            {"podSelector": FROM_CLIENT["podSelector"], "policyTypes": ["Egress"], "egress": [TO_DNS]},
            TIMEOUT,
            WEB,
        ),
    ],
)
def test_who_gets_through(spec, client, other):
    state = changes.apply(BARE, [policy(spec)])
    assert told(send(state, "bare/client", "http://web/")) == {client: 1}
    assert told(send(state, "bare/other", "http://web/")) == {other: 1}


@pytest.mark.parametrize(
    ("peer", "outcome"),
    [
        ({"namespaceSelector": {}}, "200 from bare/web"),
        ({"podSelector": {}}, TIMEOUT),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "far"}}}, WEB),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}}, WEB),
        ({"namespaceSelector": {"matchLabels": {"team": "b"}}}, TIMEOUT),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}, **FROM_CLIENT}, WEB),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}, "podSelector": TO_WEB}, TIMEOUT),
    ],
)
def test_clients_in_another_namespace(peer, outcome):
    far = [resource("Namespace", "far", labels={"team": "a"}), *app("far/client", "curlimages/curl")]
    state = changes.apply(BARE, [*far, policy({"podSelector": TO_WEB, "ingress": [{"from": [peer]}]})])
    assert told(send(state, "far/client", "http://web.bare/")) == {outcome: 1}


def test_policies_add_up():
    closed = policy({"podSelector": TO_WEB}, "bare/closed")
    opened = policy({"podSelector": TO_WEB, "ingress": [{"from": [FROM_CLIENT]}]}, "bare/opened")
    state = changes.apply(BARE, [closed, opened])
    (group,) = send(state, "bare/client", "http://web/").groups
    assert [(r.subject, r.field) for r in group.trace if r.subject.startswith("Network")] == [
        ("NetworkPolicy bare/opened", "spec.ingress[0]")
    ]
    (group,) = send(state, "bare/other", "http://web/").groups
    assert [(r.subject, r.field) for r in group.trace if r.subject.startswith("Network")] == [
        ("NetworkPolicy bare/closed", "spec.ingress"),
        ("NetworkPolicy bare/opened", "spec.ingress"),
    ]


@pytest.mark.parametrize(
    ("mesh", "namespace", "port", "outcome"),
    [
        (ISTIO, "ist", 8080, "200 from ist/web"),
        (ISTIO, "ist", 4143, "503"),
        (LINKERD, "lnk", 4143, "200 from lnk/web"),
        (LINKERD, "lnk", "linkerd-proxy", "200 from lnk/web"),
        (LINKERD, "lnk", 8080, "503"),
    ],
)
def test_the_connection_between_proxies_counts(mesh, namespace, port, outcome):
    ingress = [{"ports": [{"port": port}]}]
    state = world(mesh, namespace=namespace)
    state = changes.apply(state, [policy({"podSelector": TO_WEB, "ingress": ingress}, f"{namespace}/p")])
    assert told(send(state, f"{namespace}/client", "http://web/")) == {outcome: 1}


def test_without_a_mesh_linkerds_port_is_no_way_in():
    state = changes.apply(
        world(LINKERD, namespace="lnk"),
        [
            *app("bare/client", "curlimages/curl"),
            policy({"podSelector": TO_WEB, "ingress": [{"ports": [{"port": 4143}]}]}, "lnk/p"),
        ],
    )
    assert told(send(state, "bare/client", "http://web.lnk/")) == {TIMEOUT: 1}


def test_linkerd_passes_over_backends_that_it_cannot_reach():
    route = resource(
        "HTTPRoute",
        "lnk/r",
        "{parentRefs: [{group: core, kind: Service, name: web}], rules: [{backendRefs: ["
        "{name: web, port: 80, weight: 1}, {name: v2, port: 80, weight: 1}]}]}",
    )
    state = changes.apply(world(LINKERD, namespace="lnk"), [*app("lnk/v2", "unknown/web:2", 8080), route])
    assert len(told(send(state, "lnk/client", "http://web/"))) == 2
    state = changes.apply(state, [policy({"podSelector": {"matchLabels": {"app": "v2"}}}, "lnk/p")])
    assert told(send(state, "lnk/client", "http://web/")) == {"200 from lnk/web": 1}


@pytest.mark.parametrize(
    ("rule", "outcome", "seconds"),
    [
        ("{}", "503", 30.0),
        ("{timeout: 4s}", "504", 4.0),
        ("{retries: {attempts: 0}}", "503", 10.0),
    ],
)
def test_how_long_istios_proxy_waits(rule, outcome, seconds):
    http = [yaml.safe_load(rule) | {"route": [{"destination": {"host": "web"}}]}]
    state = changes.apply(
        world(ISTIO, namespace="ist"),
        [
            policy({"podSelector": TO_WEB}, "ist/p"),
            resource("VirtualService", "ist/v", {"hosts": ["web"], "http": http}),
        ],
    )
    (group,) = send(state, "ist/client", "http://web/").groups
    assert (str(group.outcome), group.outcome.seconds) == (outcome, seconds)


def test_linkerds_proxy_answers_for_an_unmeshed_pod_that_is_cut_off():
    state = changes.mark(changes.install(BARE, LINKERD), "lnk", annotations={"linkerd.io/inject": "enabled"})
    state = changes.apply(state, [*app("lnk/client", "curlimages/curl"), policy({"podSelector": TO_WEB})])
    (group,) = send(state, "lnk/client", "http://web.bare/").groups
    assert (str(group.outcome), group.outcome.seconds) == ("504", 1.0)


@pytest.mark.parametrize(
    ("to", "outcome"),
    [
        ([{"ipBlock": {"cidr": "0.0.0.0/0"}}], "left the cluster to 93.184.215.14:80"),
        ([{"ipBlock": {"cidr": "93.184.0.0/16"}}], "left the cluster to 93.184.215.14:80"),
        ([{"ipBlock": {"cidr": "10.0.0.0/8"}}], TIMEOUT),
        ([{"namespaceSelector": {}}], TIMEOUT),
    ],
)
def test_out_of_the_cluster(to, outcome):
    state = changes.apply(BARE, [policy({"policyTypes": ["Egress"], "egress": [{"to": to}]})])
    assert told(send(state, "bare/client", "http://93.184.215.14/")) == {outcome: 1}


def test_a_part_of_the_pods_network_is_not_modelled_without_addresses():
    ingress = [{"from": [{"ipBlock": {"cidr": "10.244.3.0/24"}}]}]
    state = changes.apply(BARE, [policy({"podSelector": TO_WEB, "ingress": ingress})])
    with pytest.raises(NotModelledError, match=r"NetworkPolicy bare/p spec.ingress\[0\].from\[0\].ipBlock"):
        send(state, "bare/client", "http://web/")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"ingress": [{"from": [{}]}]}, "spec.ingress[0].from[0]: Required value: must specify a peer"),
        (
            {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}]},
            "spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer",
        ),
        (
            {"egress": [{"ports": [{"port": "http", "endPort": 90}]}]},
            "spec.egress[0].ports[0].endPort: Invalid value: 90: may not be specified when `port` is non-numeric",
        ),
        (
            {"egress": [{"ports": [{"port": 80, "endPort": 70}]}]},
            "spec.egress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`",
        ),
    ],
)
def test_refused(spec, words):
    with pytest.raises(Refused) as caught:
        changes.apply(BARE, [policy(spec)])
    assert caught.value.what == f'The NetworkPolicy "p" is invalid: {words}'
