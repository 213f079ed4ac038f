"""Which mesh's marks the output has, and what is said of those that only a cluster has."""

from __future__ import annotations

import pytest

from harness.analysis.translate import translate
from harness.api.kubernetes.metadata import annotations_of, labels_of
from tests.model.clusters import deployment, resource
from tests.translate.estates import APPS

ROUTE = resource(
    "VirtualService", "shop/web", "{hosts: [web], http: [{timeout: 1s, route: [{destination: {host: web}}]}]}"
)


def namespace(labels: dict[str, str]) -> object:
    made = resource("Namespace", "shop")
    made.data["metadata"]["labels"] = labels
    return made


# the labels of a Namespace; what is told to be done
MARKED = {
    "label": ({"istio-injection": "enabled"}, "kubectl label namespace shop istio-injection-"),
    "revision": ({"istio.io/rev": "canary"}, "kubectl label namespace shop istio.io/rev-"),
    "both": (
        {"istio-injection": "enabled", "istio.io/rev": "canary"},
        "kubectl label namespace shop istio-injection- istio.io/rev-",
    ),
    "ambient": ({"istio.io/dataplane-mode": "ambient"}, "kubectl label namespace shop istio.io/dataplane-mode-"),
    "none": ({"team": "a"}, "kubectl label namespace shop istio-injection- istio.io/rev-"),
}  # fmt: skip


@pytest.mark.parametrize(("labels", "todo"), MARKED.values(), ids=MARKED)
def test_a_namespace_moves_and_what_kubectl_must_take_away_is_told(labels: dict[str, str], todo: str):
    made = translate([*APPS, namespace(labels), ROUTE])
    (moved,) = [one for one in made.objects if one.kind == "Namespace"]
    assert annotations_of(moved)["linkerd.io/inject"] == "enabled"
    assert labels_of(moved) == {key: value for key, value in labels.items() if key == "team"}
    told = [
        one.todo for one in made.findings if one.topic == "injection" and one.resource == "Namespace shop"
    ]
    assert told == [todo]


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
@pytest.mark.parametrize(("asked", "chosen"), [("false", "disabled"), ("true", "enabled")])
def test_pods_that_end_are_asked_of_the_other_injector(kind: str, asked: str, chosen: str):
    pod = {"containers": [{"name": "a", "image": "a"}]}
    template = {"metadata": {"labels": {"sidecar.istio.io/inject": asked}}, "spec": pod}
    spec = (
        {"template": template}
        if kind == "Job"
        else {"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}}
    )
    made = translate([*APPS, resource(kind, "shop/nightly", spec, "batch/v1"), ROUTE])
    (job,) = [each for each in made.objects if each.name == "nightly"]
    moved = {"metadata": {"annotations": {"linkerd.io/inject": chosen}}, "spec": pod}
    whole = job.data["spec"] if kind == "Job" else job.data["spec"]["jobTemplate"]["spec"]
    assert whole["template"] == moved


STATUS = '{"initContainers":["istio-init"],"containers":["istio-proxy"],"volumes":["istio-data"],"imagePullSecrets":null}'


@pytest.mark.parametrize("status", [STATUS, "", "{", "[]", '{"containers": []}'])
def test_a_proxy_that_was_injected_by_hand_is_taken_out(status: str):
    containers = [{"name": "app", "image": "app"}, {"name": "istio-proxy", "image": "istio/proxyv2"}]
    pod = {
        "initContainers": [{"name": "istio-init", "image": "istio/proxyv2"}],
        "containers": containers,
        "volumes": [{"name": "istio-data"}, {"name": "data"}],
    }
    annotations = {"sidecar.istio.io/status": status} if status else {}
    labels = {"security.istio.io/tlsMode": "istio"} if status == STATUS else {}
    app = deployment("shop/hand", pod, {"labels": labels, "annotations": annotations})
    made = translate([*APPS, app, ROUTE])
    told = [each.field for each in made.findings if each.resource == "Deployment shop/hand"]
    if status != STATUS:
        assert told == ["spec.template.spec.containers"]
        return
    assert told == []
    (moved,) = [each for each in made.objects if each.name == "hand"]
    template = moved.data["spec"]["template"]
    assert template["metadata"]["annotations"] == {"linkerd.io/inject": "enabled"}
    assert template["spec"] == {"containers": containers[:1], "volumes": [{"name": "data"}]}


def test_a_namespace_in_no_manifest_is_told_how_to_move():
    made = translate([*APPS, ROUTE])
    assert not [one for one in made.objects if one.kind == "Namespace"]
    assert {one.todo for one in made.findings if one.topic == "injection"} == {
        f"kubectl annotate namespace {name} linkerd.io/inject=enabled, and "
        f"kubectl label namespace {name} istio-injection- istio.io/rev-"
        for name in ("ops", "shop")
    }


def test_a_gateway_that_its_namespace_had_injected_asks_itself():
    door = deployment(
        "shop/door",
        {"containers": [{"name": "istio-proxy", "image": "auto"}]},
        {"labels": {"istio": "door"}, "annotations": {"inject.istio.io/templates": "gateway"}},
    )
    made = translate([namespace({"istio-injection": "enabled"}), door, ROUTE])
    (kept,) = [one for one in made.objects if one.kind == "Deployment"]
    metadata = kept.data["spec"]["template"]["metadata"]
    assert metadata["labels"] == {"istio": "door", "sidecar.istio.io/inject": "true"}
    assert metadata["annotations"] == {"inject.istio.io/templates": "gateway"}
