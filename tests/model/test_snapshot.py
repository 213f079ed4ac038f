"""Pods as a dump shows them: addresses, readiness, proxies."""

from __future__ import annotations

from fractions import Fraction

import pytest
import yaml

from harness.base.errors import NotModelledError
from harness.base.vocabulary import Workload
from harness.model import changes, load
from tests.model.clusters import send, told

HALF = Fraction(1, 2)


def pod(name, ip, *, app="web", ready="True", owner=True, phase="Running", proxy=False, **metadata):
    containers = [{"name": app, "image": "unknown/web:1", "ports": [{"name": "http", "containerPort": 8080}]}]
    if proxy:
        containers.append({"name": "istio-proxy", "image": "istio/proxyv2"})
    owners = [
        {"kind": "ReplicaSet", "name": f"{app}-7d4", "controller": True, "apiVersion": "apps/v1", "uid": "x"}
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": name,
            "labels": {"app": app, "pod-template-hash": "7d4", "pod": name},
            **({"ownerReferences": owners} if owner else {}),
            **metadata,
        },
        "spec": {"containers": containers},
        "status": {"phase": phase, "podIP": ip, "conditions": [{"type": "Ready", "status": ready}]},
    }


def deployment(app, replicas=2):
    template = {
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": app, "image": "unknown/web:1"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": app, "namespace": "shop", "uid": app},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": app}}, "template": template},
    }


def service(name, **spec):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop", "uid": f"s-{name}"},
        "spec": {
            "clusterIP": "10.96.1.1",
            "selector": {"app": "web"},
            "ports": [{"port": 80, "targetPort": 8080}],
            **spec,
        },
    }


CLIENT = [deployment("client", 1), pod("client-7d4-a", "10.244.0.20", app="client")]


@pytest.fixture
def loaded(tmp_path):
    def loaded(*objects, **options):
        path = tmp_path / "dump.yaml"
        path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [*CLIENT, *objects]}))
        return load([path], **options)

    return loaded


WEB = Workload("shop", "web")


def test_workloads_run_the_pods_that_are_shown(loaded):
    state = loaded(deployment("web"), pod("web-7d4-a", "10.244.0.10"), service("web"))
    (found,) = state.pods_of(WEB)
    assert (found.name, found.ip, found.ready) == ("web-7d4-a", "10.244.0.10", True)
    assert told(send(state, "shop/client", "http://web/")) == {"200 from shop/web": 1}
    assert told(send(state, "shop/client", "http://10.96.1.1/")) == {"200 from shop/web": 1}
    assert told(send(state, "shop/client", "http://10.244.0.10:8080/")) == {"200 from shop/web": 1}
    assert len(changes.restart(state, "shop").pods_of(WEB)) == 2


@pytest.mark.parametrize(
    ("shown", "spec", "outcome"),
    [
        ({"ready": "False"}, {}, "connection refused (curl 7)"),
        ({"ready": "False"}, {"publishNotReadyAddresses": True}, "200 from shop/web"),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, {}, "connection refused (curl 7)"),
        ({"phase": "Succeeded"}, {}, "connection refused (curl 7)"),
        ({"owner": False}, {}, "200 from shop/web"),
    ],
)
def test_services_send_to_ready_pods(loaded, shown, spec, outcome):
    name = "web" if shown == {"owner": False} else "web-7d4-a"
    state = loaded(
        *([] if name == "web" else [deployment("web")]),
        pod(name, "10.244.0.10", **shown),
        service("web", **spec),
    )
    assert told(send(state, "shop/client", "http://web/")) == {outcome: 1}


def test_proxies_are_those_that_run(loaded):
    state = loaded(deployment("web"), pod("web-7d4-a", "10.244.0.10", proxy=True), meshes=[])
    assert [str(one) for one in state.pods_of(WEB)[0].proxies] == ["istio-proxy (container)"]


def test_placing_starts_pods_anew(loaded):
    state = loaded(deployment("web"), pod("web-7d4-a", "10.244.0.10"), placed={"shop": None})
    assert [one.ip for one in state.pods_of(WEB)] == ["", ""]


def test_networks_are_told_apart_by_addresses(loaded):
    block = {"ipBlock": {"cidr": "10.244.0.16/28"}}
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "n", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": [block]}]},
    }
    web = [deployment("web"), pod("web-7d4-a", "10.244.0.10"), service("web"), policy]
    assert told(send(loaded(*web), "shop/client", "http://web/")) == {"200 from shop/web": 1}
    assert told(send(loaded(*web), "shop/web", "http://web/")) == {"200 from shop/web": 1}
    other = [deployment("other", 1), pod("other-7d4-a", "10.244.0.12", app="other")]
    assert told(send(loaded(*web, *other), "shop/other", "http://web/")) == {"timed out (curl 28)": 1}


def test_endpoints_of_controllers_are_passed_over(loaded):
    labels = {
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    metadata = {"name": "web-x", "namespace": "shop", "uid": "e", "labels": labels}
    controllers = [
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": metadata,
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.244.9.9"]}],
            "ports": [{"port": 8080}],
        },
        {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {"name": "web", "namespace": "shop", "uid": "f"},
            "subsets": [
                {
                    "addresses": [{"ip": "10.244.9.9", "targetRef": {"kind": "Pod", "name": "x"}}],
                    "ports": [{"port": 8080}],
                }
            ],
        },
    ]
    state = loaded(deployment("web"), pod("web-7d4-a", "10.244.0.10"), service("web"), *controllers)
    assert told(send(state, "shop/client", "http://web/")) == {"200 from shop/web": 1}


def test_hand_written_endpoints_may_be_known_pods(loaded):
    written = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "m", "namespace": "shop", "labels": {"kubernetes.io/service-name": "manual"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.244.0.10"]}, {"addresses": ["198.51.100.1"]}],
        "ports": [{"port": 8080}],
    }
    manual = service("manual", clusterIP="10.96.1.2", selector=None)
    state = loaded(deployment("web"), pod("web-7d4-a", "10.244.0.10"), manual, written)
    assert told(send(state, "shop/client", "http://manual/")) == {
        "200 from shop/web": HALF,
        "left the cluster to 198.51.100.1:8080": HALF,
    }


def test_dns_pods_of_a_dump_are_asked(loaded):
    dns = pod("coredns-7d4-a", "10.244.0.2", app="coredns")
    dns["metadata"] |= {
        "namespace": "kube-system",
        "labels": {"k8s-app": "kube-dns", "pod-template-hash": "7d4"},
    }

    def policy(cidr):
        rule = {"to": [{"ipBlock": {"cidr": cidr}}], "ports": [{"protocol": "UDP", "port": 53}]}
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "n", "namespace": "shop"},
            "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [rule]},
        }

    outcome = told(send(loaded(dns, policy("10.244.0.2/32"), service("web")), "shop/client", "http://web/"))
    assert outcome == {"connection refused (curl 7)": 1}
    outcome = told(send(loaded(dns, policy("10.244.0.3/32"), service("web")), "shop/client", "http://web/"))
    assert outcome == {"could not resolve host (curl 6)": 1}
    with pytest.raises(NotModelledError):
        send(loaded(policy("10.244.0.3/32"), service("web")), "shop/client", "http://web/")
