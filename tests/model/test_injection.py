from __future__ import annotations

import pytest
import yaml

from harness.base.errors import NotModelledError
from harness.base.vocabulary import Workload
from harness.model import changes
from harness.model.changes.pods import observe
from harness.traffic.observables import Proxy
from tests.model.clusters import ISTIO, LINKERD, app, cluster, deployment, resource, send, told

ISTIO_NS = {"labels": {"istio-injection": "enabled"}}
LINKERD_NS = {"annotations": {"linkerd.io/inject": "enabled"}}
BOTH_NS = {**ISTIO_NS, **LINKERD_NS}

NATIVE_ISTIO, NATIVE_LINKERD = Proxy(ISTIO, native=True), Proxy(LINKERD, native=True)


CONTAINERS = {"containers": [{"name": "a", "image": "any"}]}


def _labelled(metadata):
    return {**metadata, "labels": {"app": "a", **metadata.get("labels", {})}}


def pod(namespace, metadata, spec="{}", meshes=(ISTIO, LINKERD)):
    state = changes.apply(
        cluster(*meshes),
        [
            resource("Namespace", "n", **namespace),
            deployment("n/a", yaml.safe_load(spec) | CONTAINERS, _labelled(yaml.safe_load(metadata))),
        ],
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
        ({"labels": {"istio.io/rev": "canary", "istio-injection": "enabled"}}, "{}", (NATIVE_ISTIO,)),
        ({"labels": {"istio.io/dataplane-mode": "none"}}, "{}", ()),
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


@pytest.mark.parametrize(
    ("namespace", "metadata", "what"),
    [
        ({"labels": {"istio.io/rev": "canary"}}, "{}", "Namespace n label istio.io/rev"),
        ({}, "{labels: {istio.io/rev: canary}}", "Deployment n/a label istio.io/rev"),
        (
            {"labels": {"istio.io/dataplane-mode": "ambient"}},
            "{}",
            "Namespace n label istio.io/dataplane-mode",
        ),
        ({}, "{labels: {istio.io/use-waypoint: w}}", "Deployment n/a label istio.io/use-waypoint"),
    ],
)
def test_not_modelled(namespace, metadata, what):
    with pytest.raises(NotModelledError) as caught:
        pod(namespace, metadata)
    assert caught.value.what == f"{what} isn't modelled"


def test_other_control_planes_need_an_istio():
    assert pod({"labels": {"istio.io/rev": "canary"}}, "{}", meshes=(LINKERD,)).proxies == ()


def test_what_a_placed_namespace_asked_before_does_not_count():
    state = changes.apply(
        cluster(ISTIO, LINKERD), [resource("Namespace", "n", labels={"istio.io/rev": "canary"})]
    )
    placed = changes.apply(changes.place(state, "n", [LINKERD]), [deployment("n/a", CONTAINERS)])
    assert placed.pods_of(Workload("n", "a"))[0].proxies == (NATIVE_LINKERD,)


@pytest.mark.parametrize(
    ("spec", "account"),
    [
        ({}, "default"),
        ({"serviceAccountName": "caller"}, "caller"),
        ({"serviceAccount": "caller"}, "caller"),
        ({"serviceAccountName": "caller", "serviceAccount": "other"}, "caller"),
        ({"serviceAccountName": "", "serviceAccount": "caller"}, "caller"),
    ],
)
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Pod", "shown"])
@pytest.mark.parametrize(("namespace", "mesh"), [("ist", ISTIO), ("lnk", LINKERD)])
def test_pods_run_as_the_account_that_either_field_names(spec, account, kind, namespace, mesh):
    """`serviceAccount` is the old name of `serviceAccountName`: the API server takes it for that."""
    labels = {"app": "client"}
    pod = {"metadata": {"name": "client", "labels": labels}, "spec": CONTAINERS | spec}
    template = {"selector": {"matchLabels": labels}, "template": pod}
    if kind == "Pod":
        made = resource("Pod", f"{namespace}/client", pod["spec"], labels=labels)
    elif kind == "shown":
        made = resource("Pod", f"{namespace}/client", pod["spec"], labels=labels)
        made.data["status"] = {"phase": "Running"}
    else:
        made = resource(kind, f"{namespace}/client", template, "apps/v1")
    state = observe(cluster(mesh), [made]) if kind == "shown" else changes.apply(cluster(mesh), [made])
    (client,) = state.pods_of(Workload(namespace, "client"))
    assert client.service_account == account
    assert client.identities[ISTIO].endswith(f"/sa/{account}")
    assert client.identities[LINKERD].startswith(f"{account}.{namespace}.")


@pytest.mark.parametrize("field", ["serviceAccount", "serviceAccountName"])
def test_a_policy_admits_the_account_that_either_field_names(field):
    allow = {"rules": [{"from": [{"source": {"principals": ["cluster.local/ns/ist/sa/caller"]}}]}]}
    client = {"containers": [{"name": "client", "image": "curlimages/curl"}], field: "caller"}
    state = changes.apply(
        cluster(ISTIO),
        [
            *app("ist/web", "l5d/echo:v1", 8080),
            *app("ist/other", "curlimages/curl"),
            deployment("ist/client", client),
            resource("AuthorizationPolicy", "ist/p", allow, "security.istio.io/v1"),
        ],
    )
    assert told(send(state, "ist/client", "http://web.ist/")) == {"200 from ist/web": 1}
    assert told(send(state, "ist/other", "http://web.ist/")) == {"403": 1}
