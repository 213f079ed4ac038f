"""Kinds that the harness doesn't read: stored as they are, run if they have pods, named if they move traffic."""

from __future__ import annotations

import pytest

from harness.api.schema import foreign
from harness.base.vocabulary import Workload
from harness.model import State, changes
from tests.model.clusters import ISTIO, app, resource, send, told

PODS = "{metadata: {labels: {app: it}}, spec: {containers: [{name: it, image: l5d/echo:v1, ports: [{containerPort: 8080}]}]}}"
UNNAMED = PODS.replace("name: it, ", "")
SERVICE = resource("Service", "shop/it", "{selector: {app: it}, ports: [{port: 80, targetPort: 8080}]}")
RUNS = f"{{template: {PODS}}}"
SELECTED = f"{{selector: {{matchLabels: {{app: it}}}}, template: {PODS}}}"

# kind, API version, spec; whether it runs pods, the field and why it isn't decided
KINDS = {
    "a Rollout": ("Rollout", "argoproj.io/v1alpha1", RUNS, True, None),
    "a Rollout that moves traffic": (
        "Rollout", "argoproj.io/v1alpha1", RUNS[:-1] + ", strategy: {canary: {trafficRouting: {istio: {}}}}}", True,
        ("spec.strategy.canary.trafficRouting", "Argo Rollouts changes routes while it rolls out"),
    ),
    "a Knative Service": (
        "Service", "serving.knative.dev/v1", f"{{template: {UNNAMED}}}", True,
        ("", "Knative makes Services and routes for it, and moves traffic between revisions"),
    ),
    "a ReplicaSet": ("ReplicaSet", "apps/v1", SELECTED, True, None),
    "a ReplicationController": ("ReplicationController", "v1", RUNS, True, None),
    "OpenShift's": ("DeploymentConfig", "apps.openshift.io/v1", f"{{selector: {{app: it}}, template: {PODS}}}", True, None),
    "any with a pod template": ("CloneSet", "apps.kruise.io/v1alpha1", RUNS, True, None),
    "a Job ends": ("Job", "batch/v1", RUNS, False, None),
    "a Certificate": ("Certificate", "cert-manager.io/v1", "{secretName: s}", False, None),
    "an EnvoyFilter": (
        "EnvoyFilter", "networking.istio.io/v1alpha3", "{}", False, ("", "it changes the proxies' own configuration"),
    ),
    "an Ingress": (
        "Ingress", "networking.k8s.io/v1", "{defaultBackend: {service: {name: it, port: {number: 80}}}}", False,
        ("", "an ingress controller routes by it"),
    ),
    "all kinds of a group": ("Mapping", "getambassador.io/v3", "{}", False, ("", "an ingress controller routes by it")),
    "a kind of the Gateway API": (
        "UDPRoute", "gateway.networking.k8s.io/v1alpha2", "{}", False, None,
    ),
    "a kind of Linkerd's": (
        "Link", "multicluster.linkerd.io/v1alpha3", "{}", False, ("", "it mirrors Services of another cluster"),
    ),
}  # fmt: skip


def shop(*objects) -> State:
    state = changes.install(State(), ISTIO)
    state = changes.apply(state, [resource("Namespace", "shop"), *app("shop/client", "curlimages/curl")])
    return changes.apply(state, objects)


@pytest.mark.parametrize(("kind", "api", "spec", "runs", "reason"), KINDS.values(), ids=KINDS)
def test_kinds(kind: str, api: str, spec: str, runs: bool, reason: tuple[str, str] | None):
    if api.startswith(("multicluster.linkerd.io", "gateway")):
        state = changes.install(shop(), "linkerd")
        state = changes.apply(state, [resource(kind, "shop/it", spec, api)])
    else:
        state = shop(resource(kind, "shop/it", spec, api), SERVICE)
        if runs:
            assert told(send(state, "shop/client", "http://it.shop/")) == {"200 from shop/it": 1}
    assert bool(state.pods_of(Workload("shop", "it"))) is runs
    undecided = [(each.field, each.why) for each in state.undecided]
    assert undecided == ([reason] if reason else [])


def test_what_istio_s_installer_made_is_decided():
    labels = {"operator.istio.io/component": "Pilot"}
    made = resource("EnvoyFilter", "shop/it", "{}", "networking.istio.io/v1alpha3", labels=labels)
    assert shop(made).undecided == ()


def test_what_is_removed_is_undecided_no_more():
    made = resource("EnvoyFilter", "shop/it", "{}", "networking.istio.io/v1alpha3")
    assert changes.remove(shop(made), [made]).undecided == ()


def test_they_are_counted():
    kinds = [("Certificate", "cert-manager.io/v1"), ("EnvoyFilter", "networking.istio.io/v1alpha3")]
    objects = [resource(kind, f"shop/{name}", {}, api) for kind, api in kinds for name in "ab"]
    words = "kinds that aren't read, applied as they are: 2 Certificate.cert-manager.io, 2 EnvoyFilter.networking.istio.io"
    assert foreign.counted([*objects, SERVICE]) == words
    assert foreign.counted([SERVICE]) == ""


CANARY = (
    "{targetRef: {apiVersion: apps/v1, kind: Deployment, name: it}, service: {port: 80, targetPort: 8080}}"
)


def test_a_canary_s_services_are_there():
    canary = resource("Canary", "shop/it", CANARY, "flagger.app/v1beta1")
    state = shop(*app("shop/it", "l5d/echo:v1"), canary)
    for name in ("it", "it-primary", "it-canary"):
        assert told(send(state, "shop/client", f"http://{name}.shop/")) == {"200 from shop/it": 1}
    assert [each.resource.kind for each in state.undecided] == ["Canary"]


@pytest.mark.parametrize(
    "spec", ["{}", "[]", "{targetRef: [], service: {port: x}}", CANARY.replace("it}", "none}")]
)
def test_a_canary_that_leads_nowhere_has_none(spec: str):
    state = shop(*app("shop/it", "l5d/echo:v1"), resource("Canary", "shop/c", spec, "flagger.app/v1beta1"))
    assert state.all("", "Service", "shop") == ()
