from __future__ import annotations

import pytest

from harness.errors import NotModelledError
from harness.providers.base import Proxy
from harness.vocabulary import Workload
from tests.model.clusters import ISTIO, LINKERD, cluster, resource

ISTIO_NS = {"labels": {"istio-injection": "enabled"}}
LINKERD_NS = {"annotations": {"linkerd.io/inject": "enabled"}}
BOTH_NS = {**ISTIO_NS, **LINKERD_NS}

NATIVE_ISTIO, NATIVE_LINKERD = Proxy(ISTIO, native=True), Proxy(LINKERD, native=True)


def pod(namespace, metadata, spec="{}", meshes=(ISTIO, LINKERD)):
    state = cluster(*meshes).apply(
        [
            resource("Namespace", "n", **namespace),
            resource("Deployment", "n/a", f"{{template: {{metadata: {metadata}, spec: {spec}}}}}"),
        ]
    )
    (found,) = state.pods_of(Workload("n", "a"))
    return found


@pytest.mark.parametrize(
    ("namespace", "metadata", "proxies"),
    [
        ({}, "{}", ()),
        (ISTIO_NS, "{}", (NATIVE_ISTIO,)),
        (LINKERD_NS, "{}", (NATIVE_LINKERD,)),
        (BOTH_NS, "{}", (NATIVE_ISTIO,)),
        ({"labels": {"linkerd.io/inject": "enabled"}}, "{}", ()),
        ({"labels": {"istio.io/rev": "default"}}, "{}", (NATIVE_ISTIO,)),
        ({"labels": {"istio.io/rev": "canary"}}, "{}", ()),
        ({"labels": {"istio-injection": "disabled"}}, '{labels: {sidecar.istio.io/inject: "true"}}', ()),
        ({}, '{labels: {sidecar.istio.io/inject: "true"}}', (NATIVE_ISTIO,)),
        (ISTIO_NS, '{labels: {sidecar.istio.io/inject: "false"}}', ()),
        (BOTH_NS, '{labels: {sidecar.istio.io/inject: "false"}}', (NATIVE_LINKERD,)),
        (LINKERD_NS, "{annotations: {linkerd.io/inject: disabled}}", ()),
        ({}, "{annotations: {linkerd.io/inject: enabled}}", (NATIVE_LINKERD,)),
        (
            LINKERD_NS,
            '{annotations: {config.linkerd.io/proxy-enable-native-sidecar: "false"}}',
            (Proxy(LINKERD, native=False),),
        ),
        (
            ISTIO_NS,
            '{annotations: {sidecar.istio.io/nativeSidecar: "false"}}',
            (Proxy(ISTIO, native=False),),
        ),
    ],
)
def test_proxies(namespace, metadata, proxies):
    assert pod(namespace, metadata).proxies == proxies


def test_linkerd_says_why_it_leaves_a_pod_alone():
    message = "Linkerd sidecar proxy injection skipped: pod has a sidecar injected already"
    assert pod(BOTH_NS, "{}").skipped == ((LINKERD, message),)
    assert pod(ISTIO_NS, "{}").skipped == ()


def test_host_network_is_never_injected():
    assert pod(BOTH_NS, "{}", "{hostNetwork: true}").proxies == ()


def test_without_its_mesh_a_mark_does_nothing():
    assert pod(BOTH_NS, "{}", meshes=(LINKERD,)).proxies == (NATIVE_LINKERD,)


def test_traffic_round_the_proxy_is_not_modelled():
    with pytest.raises(NotModelledError, match="skip-inbound-ports"):
        pod(LINKERD_NS, '{annotations: {config.linkerd.io/skip-inbound-ports: "80"}}')
