"""Where Linkerd's proxies send to beside pods that a Service selects: machines, a header's place, addresses."""

from __future__ import annotations

import pytest

from harness.model import Refused, changes
from harness.model.changes.pods import observe
from tests.compare.differing import differing
from tests.model.clusters import deployment, resource, send, told
from tests.model.test_linkerd import CLIENT, WORLD

MACHINE = "workload.linkerd.io/v1beta1"
IDENTITY = "spiffe://root.linkerd.cluster.local/vm"


def machine(ready="", **metadata):
    spec = {
        "meshTLS": {"identity": IDENTITY, "serverName": "vm.example.org"},
        "workloadIPs": [{"ip": "192.168.9.9"}, {"ip": "fd00:9::9"}],
        "ports": [{"name": "http", "port": 9980}],
    }
    made = resource("ExternalWorkload", "lnk/vm", spec, MACHINE, labels={"app": "vm"}, **metadata)
    if ready:
        made.data["status"] = {"conditions": [{"type": "Ready", "status": ready}]}
    return made


VM = resource("Service", "lnk/vm", "{selector: {app: vm}, ports: [{name: http, port: 80, targetPort: http}]}")
OK, DENIED = "200 from lnk/vm", "403"


def machine_server(spec=""):
    return resource(
        "Server", "lnk/s", f"{{externalWorkloadSelector: {{matchLabels: {{app: vm}}}}, port: http{spec}}}"
    )


@pytest.mark.parametrize(
    ("objects", "meshed", "bare"),
    [
        ([machine()], OK, OK),
        ([machine("True")], OK, OK),
        ([machine("False")], "503", "connection refused (curl 7)"),
        ([machine(), machine_server()], DENIED, DENIED),
        ([machine(), machine_server(", accessPolicy: all-authenticated")], OK, DENIED),
        # Servers for pods and those for machines keep apart, whatever they select.
        ([machine(), resource("Server", "lnk/s", "{podSelector: {}, port: http}")], OK, OK),
        ([machine(annotations={"config.linkerd.io/default-inbound-policy": "deny"})], DENIED, DENIED),
        # To no NetworkPolicy a machine is one of its pods.
        (
            [
                machine(),
                resource(
                    "NetworkPolicy",
                    "lnk/n",
                    "{podSelector: {}, policyTypes: [Ingress]}",
                    "networking.k8s.io/v1",
                ),
            ],
            OK,
            OK,
        ),
    ],
)
def test_an_external_workload(objects, meshed, bare):
    state = changes.apply(WORLD, [VM, *objects])
    for client, outcome in (("lnk/client", meshed), ("bare/client", bare)):
        outcomes = send(state, client, "http://vm.lnk/")
        assert told(outcomes) == {outcome: 1}
        (group,) = outcomes.groups
        if outcome == OK and client == "lnk/client":
            assert (group.outcome.hop.server, group.outcome.hop.client) == (IDENTITY, CLIENT)


@pytest.mark.parametrize("address", ["192.168.9.9", "[fd00:9::9]"])
def test_an_external_workload_by_its_address(address):
    (group,) = send(changes.apply(WORLD, [machine()]), "lnk/client", f"http://{address}:9980/").groups
    assert (str(group.outcome), group.outcome.hop.server) == (OK, IDENTITY)


def test_a_servers_pods_are_none_of_its_machines():
    server = resource("Server", "lnk/s", "{externalWorkloadSelector: {}, port: 8080}")
    assert told(send(changes.apply(WORLD, [server]), "lnk/client", "http://web.lnk/")) == {
        "200 from lnk/web": 1
    }


@pytest.mark.parametrize("spec", ["{port: 80}", "{podSelector: {}, externalWorkloadSelector: {}, port: 80}"])
def test_a_server_selects_either_pods_or_machines(spec):
    with pytest.raises(Refused, match="must validate one and only one schema"):
        changes.apply(WORLD, [resource("Server", "lnk/s", spec)])


def gate(mode):
    return deployment(
        "lnk/gate",
        {"containers": [{"name": "c", "image": "curlimages/curl"}]},
        {"annotations": {"linkerd.io/inject": mode}},
    )


GATE = changes.apply(WORLD, [gate("ingress")])


@pytest.mark.parametrize(
    ("source", "override", "outcome"),
    [
        ("lnk/gate", None, "200 from lnk/web"),
        ("lnk/gate", "v2.lnk.svc.cluster.local", "200 from lnk/v2"),
        ("lnk/gate", "v2.lnk.svc.cluster.local:80", "200 from lnk/v2"),
        ("lnk/gate", "v2.lnk.svc.cluster.local:81", "503"),
        ("lnk/gate", "gone.lnk.svc.cluster.local", "503"),
        ("lnk/gate", "v2.lnk", "empty reply (curl 52)"),
        # A proxy in its ordinary mode passes the header on.
        ("lnk/client", "v2.lnk.svc.cluster.local", "200 from lnk/web"),
    ],
)
def test_ingress_mode(source, override, outcome):
    headers = {} if override is None else {"l5d_dst_override": override}
    outcomes = send(GATE, source, "http://web.lnk/", **headers)
    assert told(outcomes) == {outcome: 1}
    (group,) = outcomes.groups
    if group.outcome.server_saw:
        assert (group.outcome.server_saw.header("l5d-dst-override") is None) is (source == "lnk/gate")


def test_in_ingress_mode_http_is_detected_and_all_else_goes_where_it_was_dialled():
    opaque = resource(
        "Service",
        "lnk/web",
        "{selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}",
        annotations={"config.linkerd.io/opaque-ports": "80"},
    )
    state = changes.apply(GATE, [opaque])
    assert told(send(state, "lnk/gate", "http://web.lnk/")) == {"empty reply (curl 52)": 1}
    assert told(send(state, "lnk/gate", "tcp://web.lnk:80")) == {"connected to lnk/web": 1}


def test_ingress_mode_may_be_the_namespaces_and_compare_sees_what_it_does():
    marked = changes.restart(changes.mark(WORLD, "lnk", annotations={"linkerd.io/inject": "ingress"}), "lnk")
    override = {"l5d_dst_override": "v2.lnk.svc.cluster.local"}
    assert told(send(marked, "lnk/client", "http://web.lnk/", **override)) == {"200 from lnk/v2": 1}
    parts = {part for each in differing(changes.apply(WORLD, [gate("enabled")]), GATE) for part in each.parts}
    assert {"backend", "failure", "status"} <= parts


SHOWN = resource(
    "Pod",
    "lnk/shown-1",
    "{containers: [{name: web, image: 'l5d/echo:v1', ports: [{containerPort: 8080, hostPort: 7777}]}, "
    "{name: linkerd-proxy, image: p}]}",
    labels={"app": "shown"},
)
SHOWN.data["status"] = {
    "phase": "Running",
    "podIP": "10.244.0.9",
    "podIPs": [{"ip": "10.244.0.9"}, {"ip": "fd00:1::9"}],
    "hostIP": "172.18.0.2",
    "hostIPs": [{"ip": "172.18.0.2"}, {"ip": "fc00::2"}],
    "conditions": [{"type": "Ready", "status": "True"}],
}


@pytest.mark.parametrize(
    ("place", "known"),
    [
        ("10.244.0.9:8080", True),
        ("[fd00:1::9]:8080", True),
        ("172.18.0.2:7777", True),
        ("[fc00::2]:7777", True),
        ("172.18.0.2:7778", False),
    ],
)
def test_a_pod_by_each_of_its_addresses_and_by_its_nodes_port(place, known):
    (group,) = send(observe(WORLD, [SHOWN]), "lnk/client", f"http://{place}/").groups
    if known:
        assert (str(group.outcome), group.outcome.hop.mutual) == ("200 from lnk/shown-1", True)
    else:
        assert group.outcome.external == place


@pytest.mark.parametrize("address", ["10.96.3.4", "[fd00::5]"])
def test_a_service_by_each_of_its_addresses(address):
    service = resource(
        "Service",
        "lnk/web",
        "{selector: {app: web}, clusterIP: 10.96.3.4, clusterIPs: [10.96.3.4, 'fd00::5'], "
        "ports: [{port: 80, targetPort: 8080}]}",
    )
    for client in ("lnk/client", "ist/client", "bare/client"):
        outcomes = send(changes.apply(WORLD, [service]), client, f"http://{address}/")
        assert told(outcomes) == {"200 from lnk/web": 1}
