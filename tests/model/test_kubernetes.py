from __future__ import annotations

import pytest

from harness.base.errors import NotModelledError
from harness.model import changes
from harness.model.network.dns import resolve
from harness.model.network.services import endpoints, service_port, service_ports
from tests.model.clusters import app, cluster, deployment, resource, send, told

WORLD = changes.apply(
    cluster(),
    [
        *app("bare/client", "curlimages/curl"),
        *app("bare/web", "unknown/web:1", 8080),
        resource("Service", "bare/empty", "{selector: {app: nobody}, ports: [{port: 80}]}"),
        resource("Service", "bare/manual", "{ports: [{port: 80}]}"),
        resource("Service", "bare/out", "{type: ExternalName, externalName: example.com}"),
        resource(
            "Service", "bare/headless", '{clusterIP: "None", selector: {app: web}, ports: [{port: 80}]}'
        ),
        resource("Service", "bare/named", "{selector: {app: web}, ports: [{port: 81, targetPort: http}]}"),
    ],
)


@pytest.mark.parametrize(
    ("host", "namespace", "found"),
    [
        ("web", "bare", True),
        ("web", "other", False),
        ("web.bare", "other", True),
        ("web.bare.svc", "other", True),
        ("web.bare.svc.cluster.local", "other", True),
        ("web.bare.svc.cluster.local.", "other", True),
        ("web.bare.example.com", "bare", False),
        ("nosuch.bare", "bare", False),
    ],
)
def test_names(host, namespace, found):
    assert (resolve(WORLD, host, namespace) is not None) is found


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        ("http://web/", "200 from bare/web"),
        ("http://web.bare.svc/", "200 from bare/web"),
        ("http://named:81/", "200 from bare/web"),
        ("http://nosuch/", "could not resolve host (curl 6)"),
        ("http://web:81/", "timed out (curl 28)"),
        ("http://empty/", "connection refused (curl 7)"),
        ("http://manual/", "connection refused (curl 7)"),
        ("http://out/", "left the cluster to example.com:80"),
    ],
)
def test_what_a_client_without_a_mesh_gets(url, outcome):
    assert told(send(WORLD, "bare/client", url)) == {outcome: 1}


def test_no_such_client():
    with pytest.raises(NotModelledError, match="no running workload bare/ghost"):
        send(WORLD, "bare/ghost", "http://web/")


@pytest.mark.parametrize(
    ("port", "protocol"),
    [
        ("{port: 80, name: http}", "http"),
        ("{port: 80, name: http-web}", "http"),
        ("{port: 80, name: http2}", "http2"),
        ("{port: 80, name: grpc-api}", "grpc"),
        ("{port: 80, name: tcp-db}", "tcp"),
        ("{port: 80, name: web}", ""),
        ("{port: 80}", ""),
        ("{port: 80, name: tcp, appProtocol: http}", "http"),
        ("{port: 80, appProtocol: kubernetes.io/h2c}", "http2"),
    ],
)
def test_protocol_of_a_port(port, protocol):
    service = resource("Service", "bare/s", f"{{ports: [{port}]}}")
    assert service_ports(service)[0].protocol == protocol


def test_replicas_are_pods_of_their_own():
    pod = {"containers": [{"name": "web", "image": "any"}]}
    state = changes.apply(WORLD, [deployment("bare/two", pod, {"labels": {"app": "web"}}, replicas=2)])
    service = state.get("", "Service", "bare", "web")
    names = [endpoint.pod.name for endpoint in endpoints(state, service_port(service, 80))]
    assert len(names) == len(set(names)) == 3
    assert sorted(name.rpartition("-")[0].rpartition("-")[0] for name in names) == ["two", "two", "web"]


SIDECAR = {
    "name": "side",
    "image": "any",
    "restartPolicy": "Always",
    "ports": [{"name": "http", "containerPort": 9000}],
}
NAMED = {"name": "web", "image": "any", "ports": [{"name": "http", "containerPort": 8080}]}
DNS = {"name": "dns", "image": "any", "ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"}]}


@pytest.mark.parametrize(
    ("pod", "target", "ports"),
    [
        ({"containers": [NAMED]}, "http", [8080]),
        # Ordinary containers come before native sidecars, though those start first.
        ({"initContainers": [SIDECAR], "containers": [NAMED]}, "http", [8080]),
        ({"initContainers": [SIDECAR], "containers": [DNS]}, "http", [9000]),
        ({"initContainers": [{**SIDECAR, "restartPolicy": ""}], "containers": [DNS]}, "http", []),
        # The port's protocol counts: a Service's is TCP here.
        ({"containers": [DNS]}, "dns", []),
        (
            {"containers": [DNS, {**DNS, "name": "tcp", "ports": [{"name": "dns", "containerPort": 54}]}]},
            "dns",
            [54],
        ),
    ],
)
def test_named_target_ports(pod, target, ports):
    service = resource(
        "Service", "bare/s", {"selector": {"app": "s"}, "ports": [{"port": 80, "targetPort": target}]}
    )
    state = changes.apply(cluster(), [deployment("bare/s", pod), service])
    assert [endpoint.port for endpoint in endpoints(state, service_ports(service)[0])] == ports
