"""Who is injected: webhooks of a dump, revisions and tags, skip rules, and two proxies in one pod."""

from __future__ import annotations

import pytest
import yaml

from harness.api.kubernetes.definition import MUTATING
from harness.base.errors import NotModelledError
from harness.base.vocabulary import Mesh, Workload
from harness.model import changes
from tests.model.clusters import ISTIO, LINKERD, app, cluster, deployment, resource, send, told

CONTAINERS = {"containers": [{"name": "a", "image": "any"}]}
SKIPPED = "Linkerd sidecar proxy injection skipped: "
BOTH = {
    "labels": {"istio-injection": "enabled"},
    "annotations": {"linkerd.io/inject": "enabled"},
}


def webhooks(revision, *, default=False, tag=""):
    """What `istioctl install --revision` (or `istioctl tag set`) makes, as far as selectors go."""

    def expression(key, operator, *values):
        return {"key": key, "operator": operator, "values": list(values)}

    def hook(prefix, namespaces, pods):
        return {
            "name": f"{prefix}.sidecar-injector.istio.io",
            "namespaceSelector": {"matchExpressions": namespaces},
            "objectSelector": {"matchExpressions": pods},
        }

    name = tag or revision
    injection = expression("istio-injection", "DoesNotExist")
    no_revision = expression("istio.io/rev", "DoesNotExist")
    allowed = expression("sidecar.istio.io/inject", "NotIn", "false")
    asked = expression("istio.io/rev", "In", name)
    hooks = [
        hook("rev.namespace", [asked, injection], [allowed]),
        hook("rev.object", [no_revision, injection], [allowed, asked]),
    ]
    if default:
        hooks.append(hook("namespace", [expression("istio-injection", "In", "enabled")], [allowed]))
    made = resource(
        "MutatingWebhookConfiguration",
        f"istio-revision-tag-{tag}" if tag else f"istio-sidecar-injector-{revision}",
        api="admissionregistration.k8s.io/v1",
        labels={"istio.io/rev": revision},
    )
    made.data["webhooks"] = hooks
    return made


def start(namespace, metadata="{}", spec="{}", objects=(), meshes=(ISTIO, LINKERD)):
    labels = yaml.safe_load(metadata)
    labels["labels"] = {"app": "a", **labels.get("labels", {})}
    return changes.apply(
        cluster(*meshes),
        [
            *objects,
            resource("Namespace", "n", **namespace),
            deployment("n/a", yaml.safe_load(spec) | CONTAINERS, labels),
        ],
    )


def pod(*args, **kwargs):
    (found,) = start(*args, **kwargs).pods_of(Workload("n", "a"))
    return found


REVISION = {"labels": {"istio.io/rev": "1-31"}}
PROD = {"labels": {"istio.io/rev": "prod"}}
DEFAULT = {"labels": {"istio-injection": "enabled"}}


@pytest.mark.parametrize(
    ("known", "namespace", "metadata", "meshes"),
    [
        ([webhooks("1-31")], REVISION, "{}", {ISTIO}),
        ([webhooks("1-31")], PROD, "{}", set()),
        ([webhooks("1-31")], DEFAULT, "{}", set()),
        ([webhooks("1-31", default=True)], DEFAULT, "{}", {ISTIO}),
        ([webhooks("1-31"), webhooks("1-31", tag="prod")], PROD, "{}", {ISTIO}),
        ([webhooks("1-31"), webhooks("1-31", tag="default", default=True)], DEFAULT, "{}", {ISTIO}),
        ([webhooks("1-31")], {}, "{labels: {istio.io/rev: 1-31}}", {ISTIO}),
        ([webhooks("1-31")], PROD, "{labels: {istio.io/rev: 1-31}}", set()),
        ([webhooks("1-31")], REVISION, '{labels: {sidecar.istio.io/inject: "false"}}', set()),
        ([webhooks("1-31")], REVISION, '{annotations: {sidecar.istio.io/inject: "false"}}', set()),
        (
            [webhooks("1-31")],
            REVISION,
            '{labels: {sidecar.istio.io/inject: "true"}, annotations: {sidecar.istio.io/inject: "false"}}',
            {ISTIO},
        ),
        ([], {}, '{annotations: {sidecar.istio.io/inject: "true"}}', set()),
    ],
)
def test_revisions_and_tags(known, namespace, metadata, meshes):
    assert {proxy.mesh for proxy in pod(namespace, metadata, objects=known).proxies} == meshes


def test_without_webhooks_a_revision_is_not_known():
    with pytest.raises(NotModelledError) as caught:
        pod(PROD)
    assert caught.value.what == "Namespace n label istio.io/rev isn't modelled"


def test_an_uninstalled_meshs_webhooks_are_gone():
    state = changes.install(changes.uninstall(start({}, objects=[webhooks("1-31")]), ISTIO), ISTIO)
    assert state.all(*MUTATING) == ()
    state = changes.remove(start({}, objects=[webhooks("1-31")]), [webhooks("1-31")])
    assert state.all(*MUTATING) == ()


@pytest.mark.parametrize(
    ("namespace", "metadata", "spec", "said"),
    [
        ({}, "{}", "{}", None),
        (BOTH, "{}", "{}", "pod has a sidecar injected already"),
        (BOTH, "{}", "{hostNetwork: true}", "hostNetwork is enabled"),
        (
            {"annotations": {"linkerd.io/inject": "enabled"}},
            "{annotations: {linkerd.io/inject: disabled}}",
            "{}",
            'pod has the annotation "linkerd.io/inject:disabled"',
        ),
        (
            {"annotations": {"linkerd.io/inject": "yes"}},
            "{}",
            "{}",
            'invalid value for annotation "linkerd.io/inject" at namespace',
        ),
        (
            {"annotations": {"linkerd.io/inject": "enabled"}},
            "{annotations: {linkerd.io/inject: 'true'}}",
            "{}",
            'invalid value for annotation "linkerd.io/inject" at workload',
        ),
        (
            {"annotations": {"linkerd.io/inject": "enabled"}},
            "{}",
            "{initContainers: [{name: istio-init, image: any}]}",
            "pod has a sidecar injected already",
        ),
        ({"annotations": {"linkerd.io/inject": "disabled"}}, "{}", "{}", None),
    ],
)
def test_what_linkerds_injector_says(namespace, metadata, spec, said):
    assert pod(namespace, metadata, spec).skipped == (((LINKERD, SKIPPED + said),) if said else ())


@pytest.mark.parametrize(
    ("namespace", "metadata", "spec", "meshes"),
    [
        (
            {"annotations": {"linkerd.io/inject": "disabled"}},
            "{annotations: {linkerd.io/inject: enabled}}",
            "{}",
            {LINKERD},
        ),
        (
            {
                "annotations": {"linkerd.io/inject": "enabled"},
                "labels": {"config.linkerd.io/admission-webhooks": "disabled"},
            },
            "{}",
            "{}",
            set(),
        ),
        (
            {"annotations": {"linkerd.io/inject": "enabled"}},
            "{labels: {linkerd.io/control-plane-component: x}}",
            "{}",
            set(),
        ),
        (
            {"annotations": {"linkerd.io/inject": "enabled"}},
            "{}",
            "{automountServiceAccountToken: false}",
            {LINKERD},
        ),
    ],
)
def test_whom_linkerd_injects(namespace, metadata, spec, meshes):
    assert {proxy.mesh for proxy in pod(namespace, metadata, spec).proxies} == meshes


def test_a_udp_port_does_not_keep_the_webhook_from_injecting():
    container = {"name": "a", "image": "any", "ports": [{"containerPort": 53, "protocol": "UDP"}]}
    state = changes.apply(cluster(LINKERD), [deployment("lnk/a", {"containers": [container]})])
    assert [proxy.mesh for proxy in state.pods_of(Workload("lnk", "a"))[0].proxies] == [LINKERD]


BY_HAND = {
    "containers": [
        {"name": "web", "image": "unknown/web:1"},
        {"name": Mesh.LINKERD.proxy, "image": "linkerd/proxy"},
    ]
}
SERVICE = "{selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}"


@pytest.mark.parametrize(
    ("client", "outcome"),
    [
        ("bare/client", "connection refused (curl 7)"),
        ("ist/client", "503"),
        ("lnk/client", "503"),
    ],
)
def test_double_injection(client, outcome):
    """Linkerd's proxy written into the template, Istio's injected by its webhook, which doesn't look."""
    state = changes.apply(
        cluster(ISTIO, LINKERD),
        [
            *app(client, "curlimages/curl"),
            deployment("ist/web", BY_HAND),
            resource("Service", "ist/web", SERVICE),
            *app("bare/other", "unknown/web:1", 8080),
        ],
    )
    (found,) = state.pods_of(Workload("ist", "web"))
    assert {proxy.mesh for proxy in found.proxies} == {ISTIO, LINKERD}
    outcomes = send(state, client, "http://web.ist/")
    assert told(outcomes) == {outcome: 1}
    (group,) = outcomes.groups
    assert any(reason.text.startswith("double injection: ist/web has") for reason in group.trace)
    assert not found.ready
    assert told(send(state, "ist/web", "http://other.bare/")) == {"connection refused (curl 7)": 1}
