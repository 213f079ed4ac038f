"""Pods that are called at their own addresses: ports that no Service has."""

from __future__ import annotations

import pytest

from harness.analysis.compare import compare
from harness.analysis.compare.causes import allowed
from harness.analysis.explore.pods import UNNAMED_PORT
from harness.analysis.explore.targets import targets
from harness.api.node import live
from harness.model import changes
from tests.compare.differing import differing
from tests.model.clusters import ISTIO, LINKERD, cluster, deployment, resource

METRICS = {"containers": [{"name": "web", "image": "any/web:1", "ports": [{"containerPort": 9102}]}]}
SCRAPED = {"containers": [{"name": "web", "image": "any/web:1"}]}


def estate(mesh, *objects, pod=METRICS):
    state = changes.place(cluster(ISTIO, LINKERD), "shop", [mesh])
    clients = [deployment(f"shop/{name}", SCRAPED) for name in ("client", "prometheus")]
    return changes.apply(state, [deployment("shop/web", pod), *clients, *objects])


def denied(port: int):
    rules = "{selector: {matchLabels: {app: web}}, action: DENY, rules: [{to: [{operation: {ports: ['" + str(
        port
    )
    return resource("AuthorizationPolicy", "shop/web", rules + "']}}]}]}", "security.istio.io/v1")


def but(port: int):
    spec = "{action: DENY, rules: [{to: [{operation: {notPorts: ['" + str(port) + "']}}]}]}"
    return resource("AuthorizationPolicy", "shop/but", spec, "security.istio.io/v1")


def server(port: int):
    spec = "{podSelector: {matchLabels: {app: web}}, port: " + str(port) + ", accessPolicy: deny}"
    return resource("Server", "shop/web", spec, "policy.linkerd.io/v1beta3")


ALLOWED = "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: prometheus}}}]}]}"

# the mesh, and an object that closes the port
CLOSED = {
    "a policy of Istio": (ISTIO, denied(9102)),
    "a Server": (LINKERD, server(9102)),
    "mutual TLS by port": (
        ISTIO,
        resource("PeerAuthentication", "shop/web", "{selector: {matchLabels: {app: web}}, portLevelMtls: {9102: {mode: STRICT}}}", "security.istio.io/v1"),
    ),
    "a NetworkPolicy": (ISTIO, resource("NetworkPolicy", "shop/web", ALLOWED, "networking.k8s.io/v1")),
}  # fmt: skip


@pytest.mark.parametrize(("mesh", "policy"), CLOSED.values(), ids=CLOSED)
def test_what_closes_a_port_of_no_service_is_seen(mesh, policy):
    found = differing(estate(mesh), estate(mesh, policy))
    assert {each.place for each in found} == {"shop/web"}
    assert "closed" in {each.harm for each in found}
    assert not differing(estate(mesh, policy), estate(mesh, policy))


def test_a_port_that_a_policy_alone_names_is_called():
    found = differing(estate(ISTIO), estate(ISTIO, denied(9103)))
    assert {each.target.partition(" ")[0] for each in found} == {"shop/web:9103"}


def test_a_port_that_nothing_names_is_called():
    found = differing(estate(ISTIO), estate(ISTIO, but(9102)))
    assert f"shop/web:{UNNAMED_PORT} (a pod's address)" in {each.target for each in found}


def called(*objects, pod=METRICS):
    state = estate(ISTIO, *objects, pod=pod)
    return {each.port for each in targets(state, state) if each.host.startswith("pod-address.web")}


def service(port: int, headless: str = ""):
    spec = "{selector: {app: web}, ports: [{port: 80, targetPort: " + str(port) + "}]" + headless + "}"
    return resource("Service", "shop/web", spec, "v1")


def test_which_ports_are_called():
    assert called() == {9102, UNNAMED_PORT}
    assert called(denied(9103)) == {9102, 9103, UNNAMED_PORT}
    assert called(service(9102)) == {UNNAMED_PORT}
    assert called(service(8080)) == {9102, UNNAMED_PORT}
    assert called(service(8080, ", clusterIP: None")) == set()


def test_prometheus_names_a_port():
    web = deployment("shop/web", SCRAPED).data
    web["spec"]["template"]["metadata"].setdefault("annotations", {})["prometheus.io/port"] = "15020"
    state = changes.apply(estate(ISTIO), [live(web)])
    assert {each.port for each in targets(state, state) if each.host.startswith("pod-address.web")} == {
        15020,
        UNNAMED_PORT,
    }


def test_the_network_of_pods_stays_unknown():
    """A block that is a part of it isn't decided, whatever stands in the place of an address."""
    block = "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 10.244.1.0/24}}]}]}"
    policy = resource("NetworkPolicy", "shop/web", block, "networking.k8s.io/v1")
    found = compare(estate(ISTIO), estate(ISTIO, policy)).differences
    assert "undecided" in {each.harm for each in found}


def test_meshes_call_addresses_in_their_own_ways():
    found = compare(estate(ISTIO), estate(LINKERD)).differences
    assert ("mutual",) in {each.parts for each in found}
    assert all(allowed(each, ["*:mesh"]) for each in found)
    closed = compare(estate(ISTIO), estate(LINKERD, server(9102))).differences
    assert not all(allowed(each, ["*:mesh"]) for each in closed)


def test_a_port_that_a_service_leads_to_on_one_side_alone_is_called():
    services = [
        resource(
            "Service",
            "shop/web",
            f"{{selector: {{app: web}}, ports: [{{name: http, port: 80, targetPort: {port}}}]}}",
        )
        for port in (9102, 80)
    ]
    found = differing(*(estate(ISTIO, service) for service in services))
    assert {each.target for each in found} >= {
        f"shop/web:{port} (a pod's address, tcp)" for port in (80, 9102)
    }


@pytest.mark.parametrize(("mesh", "rule"), [(LINKERD, server(9200)), (ISTIO, denied(9200))])
def test_pods_are_called_at_ports_of_the_rules_that_are_for_them(mesh, rule):
    state = estate(mesh, rule)
    called = {target.label for target in targets(state, state) if ":9200" in target.label}
    assert called == {"shop/web:9200 (a pod's address)", "shop/web:9200 (a pod's address, tcp)"}


@pytest.mark.parametrize(("port", "is_seen"), [(9102, True), (9200, False)])
def test_what_strict_refused_by_address_is_the_meshes_own_at_ports_that_pods_do_not_name(port, is_seen):
    strict = resource("PeerAuthentication", "shop/all", "{mtls: {mode: STRICT}}", "security.istio.io/v1")
    opened = f"{{podSelector: {{}}, port: {port}, accessPolicy: all-authenticated}}"
    rule = resource("Server", "shop/all", opened, "policy.linkerd.io/v1beta3")
    found = differing(estate(ISTIO, strict), estate(LINKERD, rule))
    assert bool([each for each in found if each.target.startswith(f"shop/web:{port} ")]) is is_seen
