"""Linkerd's control plane: its webhooks, its injector, and the policy controller's index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.linkerd.identity import service_account
from harness.api.linkerd.validation import validate as _validate
from harness.api.objects import annotations_of
from harness.base.errors import not_modelled
from harness.base.vocabulary import LINKERD_NAMESPACE, Mesh
from harness.model.linkerd import config
from harness.model.linkerd.routing import index
from harness.model.state.stored import namespace_object
from harness.model.webhook import asked, expression
from harness.model.webhook import installed as _webhooks
from harness.traffic.observables import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.api.kubernetes.pod import PodTemplate
    from harness.api.kubernetes.webhooks import MutatingWebhook
    from harness.base.resources import Resource
    from harness.model.control_plane import Candidate
    from harness.model.state.objects import Objects

installed = (namespace_object(LINKERD_NAMESPACE),)
injector = "linkerd-proxy-injector.linkerd.io"
inherited = ("config.linkerd.io/",)
tunnel = 4143

_NATIVE = (
    "config.linkerd.io/proxy-enable-native-sidecar",
    "config.beta.linkerd.io/proxy-enable-native-sidecar",
    "config.alpha.linkerd.io/proxy-enable-native-sidecar",
)

_CHOICES = ("enabled", "ingress", "disabled")
_INIT_CONTAINERS = ("istio-init", "linkerd-init")

# [linkerd/linkerd2: charts/linkerd-control-plane, proxyInjector]
_INSTALLED = _webhooks(
    (
        [
            expression("config.linkerd.io/admission-webhooks", "NotIn", "disabled"),
            expression("kubernetes.io/metadata.name", "NotIn", "kube-system", "cert-manager"),
        ],
        [
            expression("linkerd.io/control-plane-component", "DoesNotExist"),
            expression("linkerd.io/cni-resource", "DoesNotExist"),
        ],
    )
)


def brought(_resource: Resource) -> bool:
    """Returns False: Linkerd's installer makes no objects of its own kinds that requests notice."""
    return False


def implements(_resource: Resource) -> bool:
    """Returns False: Linkerd has no class of Gateways."""
    return False


def validate(resource: Resource) -> None:
    """Raises Refused where one of Linkerd's webhooks refuses a route, or an object of its own kinds."""
    _validate(resource)


def indexes(resource: Resource) -> bool:
    """Returns whether the policy controller's index takes this version of a route in."""
    return index.accepts(resource)


def deployed(_objects: Objects, _gateway: Resource) -> Iterable[Resource]:
    """Returns nothing: Linkerd deploys no gateways."""
    return ()


def check_marks(
    owner: Resource,
    _labels: Mapping[str, str],
    annotations: Mapping[str, str],
    *,
    installed: bool,
) -> None:
    """Raises NotModelledError for pods in ingress mode; a Service has no mode."""
    if owner.kind != "Service" and annotations.get(marks.LINKERD_INJECT) == "ingress":
        raise not_modelled(owner, f"annotation {marks.LINKERD_INJECT}", "ingress mode routes by a header")


def inject(candidate: Candidate, webhooks: tuple[MutatingWebhook, ...]) -> Proxy | str | None:
    """Returns Linkerd's proxy, or why its injector leaves pods alone that ask for it."""
    metadata, namespace = candidate.metadata, candidate.namespace
    choices = [
        annotations.get(marks.LINKERD_INJECT) or ""
        for annotations in (annotations_of(namespace), metadata.annotations)
    ]
    wanted = any(choice not in ("", "disabled") for choice in choices)
    if not wanted or not asked(webhooks or _INSTALLED, namespace, metadata.labels):
        return None
    obstacles = _obstacles(candidate, *choices)
    if not obstacles:
        return Proxy(Mesh.LINKERD, _is_native(candidate))
    if Mesh.LINKERD in candidate.present:
        return None
    return f"Linkerd sidecar proxy injection skipped: {', '.join(obstacles)}"


def is_gateway(_template: PodTemplate) -> bool:
    """Returns False: Linkerd has no gateways of its own."""
    return False


def identity(objects: Objects, namespace: str, account: str) -> str:
    """Returns the identity, a DNS name, of a ServiceAccount's pods that start now."""
    return service_account(account, namespace, config.trust_domain(objects))


def _obstacles(candidate: Candidate, of_namespace: str, of_pod: str) -> list[str]:
    """Why Linkerd's injector leaves a pod alone [linkerd/linkerd2: pkg/inject/report.go]."""
    spec = candidate.spec
    obstacles = []
    if spec.host_network:
        obstacles.append("hostNetwork is enabled")
    if candidate.present or any(container.name in _INIT_CONTAINERS for container in spec.init_containers):
        obstacles.append("pod has a sidecar injected already")
    for choice, place in ((of_namespace, "namespace"), (of_pod, "workload")):
        if choice and choice not in _CHOICES:
            return [*obstacles, f'invalid value for annotation "{marks.LINKERD_INJECT}" at {place}']
    if of_pod == "disabled":
        obstacles.append(f'pod has the annotation "{marks.LINKERD_INJECT}:disabled"')
    return obstacles


def _is_native(candidate: Candidate) -> bool:
    sources = (candidate.metadata.annotations, annotations_of(candidate.namespace))
    said = next((source[key] for source in sources for key in _NATIVE if key in source), "true")
    return said != "false"
