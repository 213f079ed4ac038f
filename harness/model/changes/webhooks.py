"""Which pods the injectors' webhooks are asked about: by labels of their namespace and of themselves.

A dump of a cluster tells its webhooks: of which revisions and tags Istio runs, and whom they select. Without
any a mesh's own are taken, of its default installation. [istio/istio: manifests/charts/istio-control;
linkerd/linkerd2: charts/linkerd-control-plane, proxyInjector]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.api import marks
from harness.api.objects import label_selector, labels_of
from harness.base.kept import per_object
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.base.resources import Resource

KIND = ("admissionregistration.k8s.io", "MutatingWebhookConfiguration")

_SUFFIX = {Mesh.ISTIO: "sidecar-injector.istio.io", Mesh.LINKERD: "linkerd-proxy-injector.linkerd.io"}


@dataclass(frozen=True)
class Webhook:
    """Whom one webhook is asked about: both label selectors must select."""

    namespaces: Mapping[str, Any]
    pods: Mapping[str, Any]

    def selects(self, namespace: Resource, labels: Mapping[str, str]) -> bool:
        """Returns whether it is asked about a pod of these labels in this namespace."""
        own = {**labels_of(namespace), "kubernetes.io/metadata.name": namespace.name}
        return label_selector(self.namespaces, own) and label_selector(self.pods, labels)


def _expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


def _webhook(namespaces: Iterable[dict[str, Any]], pods: Iterable[dict[str, Any]]) -> Webhook:
    return Webhook({"matchExpressions": list(namespaces)}, {"matchExpressions": list(pods)})


_NO_INJECTION = _expression(marks.ISTIO_INJECTION, "DoesNotExist")
_NO_REVISION = _expression(marks.ISTIO_REVISION, "DoesNotExist")
_DEFAULT_REVISION = _expression(marks.ISTIO_REVISION, "In", "default")
_NOT_DECLINED = _expression(marks.ISTIO_INJECT, "NotIn", "false")

_INSTALLED: dict[Mesh, tuple[Webhook, ...]] = {
    Mesh.ISTIO: (
        _webhook([_DEFAULT_REVISION, _NO_INJECTION], [_NOT_DECLINED]),
        _webhook([_NO_REVISION, _NO_INJECTION], [_NOT_DECLINED, _DEFAULT_REVISION]),
        _webhook([_expression(marks.ISTIO_INJECTION, "In", "enabled")], [_NOT_DECLINED]),
        _webhook(
            [_NO_INJECTION, _NO_REVISION], [_expression(marks.ISTIO_INJECT, "In", "true"), _NO_REVISION]
        ),
    ),
    Mesh.LINKERD: (
        _webhook(
            [
                _expression("config.linkerd.io/admission-webhooks", "NotIn", "disabled"),
                _expression("kubernetes.io/metadata.name", "NotIn", "kube-system", "cert-manager"),
            ],
            [
                _expression("linkerd.io/control-plane-component", "DoesNotExist"),
                _expression("linkerd.io/cni-resource", "DoesNotExist"),
            ],
        ),
    ),
}


def told(mesh: Mesh, configurations: Iterable[Resource]) -> tuple[Webhook, ...]:
    """Returns a mesh's webhooks among these configurations."""
    return tuple(webhook for one in configurations for webhook in of(one).get(mesh, ()))


def installed(mesh: Mesh, configurations: Iterable[Resource]) -> tuple[Webhook, ...]:
    """Returns a mesh's webhooks: those of the configurations, or of its default installation."""
    return told(mesh, configurations) or _INSTALLED[mesh]


@per_object
def of(configuration: Resource) -> dict[Mesh, tuple[Webhook, ...]]:
    """Returns the injectors' webhooks in a MutatingWebhookConfiguration, by their mesh."""
    found: dict[Mesh, tuple[Webhook, ...]] = {}
    for part in configuration.data.get("webhooks") or ():
        for mesh, suffix in _SUFFIX.items():
            if str(part.get("name", "")).endswith(suffix):
                webhook = Webhook(part.get("namespaceSelector") or {}, part.get("objectSelector") or {})
                found[mesh] = (*found.get(mesh, ()), webhook)
    return found
