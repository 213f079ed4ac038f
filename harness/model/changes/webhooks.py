"""Which pods the injectors' webhooks are asked about: by labels of their namespace and of themselves.

A dump of a cluster tells its webhooks: of which revisions and tags Istio runs, and whom they select. Without
any a mesh's own are taken, of its default installation. [istio/istio: manifests/charts/istio-control;
linkerd/linkerd2: charts/linkerd-control-plane, proxyInjector]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.api import marks
from harness.api.kubernetes.webhooks import MUTATING, MutatingWebhook, MutatingWebhookConfiguration
from harness.api.objects import labels_of
from harness.base.kept import per_object
from harness.base.resources import Resource
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SUFFIX = {Mesh.ISTIO: "sidecar-injector.istio.io", Mesh.LINKERD: "linkerd-proxy-injector.linkerd.io"}


def asked(webhook: MutatingWebhook, namespace: Resource, labels: Mapping[str, str]) -> bool:
    """Returns whether a webhook is asked about a pod of these labels in this namespace."""
    own = {**labels_of(namespace), "kubernetes.io/metadata.name": namespace.name}
    return webhook.namespaces.selects(own) and webhook.objects.selects(labels)


def _expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


def _webhook(mesh: Mesh, namespaces: list[dict[str, Any]], pods: list[dict[str, Any]]) -> dict[str, Any]:
    selectors = {"namespaceSelector": namespaces, "objectSelector": pods}
    return {"name": _SUFFIX[mesh]} | {key: {"matchExpressions": value} for key, value in selectors.items()}


_NO_INJECTION = _expression(marks.ISTIO_INJECTION, "DoesNotExist")
_NO_REVISION = _expression(marks.ISTIO_REVISION, "DoesNotExist")
_DEFAULT_REVISION = _expression(marks.ISTIO_REVISION, "In", "default")
_NOT_DECLINED = _expression(marks.ISTIO_INJECT, "NotIn", "false")
_ASKED = _expression(marks.ISTIO_INJECT, "In", "true")

_WEBHOOKS = [
    _webhook(Mesh.ISTIO, [_DEFAULT_REVISION, _NO_INJECTION], [_NOT_DECLINED]),
    _webhook(Mesh.ISTIO, [_NO_REVISION, _NO_INJECTION], [_NOT_DECLINED, _DEFAULT_REVISION]),
    _webhook(Mesh.ISTIO, [_expression(marks.ISTIO_INJECTION, "In", "enabled")], [_NOT_DECLINED]),
    _webhook(Mesh.ISTIO, [_NO_INJECTION, _NO_REVISION], [_ASKED, _NO_REVISION]),
    _webhook(
        Mesh.LINKERD,
        [
            _expression("config.linkerd.io/admission-webhooks", "NotIn", "disabled"),
            _expression("kubernetes.io/metadata.name", "NotIn", "kube-system", "cert-manager"),
        ],
        [
            _expression("linkerd.io/control-plane-component", "DoesNotExist"),
            _expression("linkerd.io/cni-resource", "DoesNotExist"),
        ],
    ),
]
_INSTALLED = Resource(f"{MUTATING[0]}/v1", MUTATING[1], "", "installed", {"webhooks": _WEBHOOKS})


def told(mesh: Mesh, configurations: Iterable[Resource]) -> tuple[MutatingWebhook, ...]:
    """Returns a mesh's webhooks among these configurations."""
    return tuple(webhook for one in configurations for webhook in of(one).get(mesh, ()))


def installed(mesh: Mesh, configurations: Iterable[Resource]) -> tuple[MutatingWebhook, ...]:
    """Returns a mesh's webhooks: those of the configurations, or of its default installation."""
    return told(mesh, configurations) or of(_INSTALLED)[mesh]


@per_object
def of(configuration: Resource) -> dict[Mesh, tuple[MutatingWebhook, ...]]:
    """Returns the injectors' webhooks in a MutatingWebhookConfiguration, by their mesh."""
    found: dict[Mesh, tuple[MutatingWebhook, ...]] = {}
    for webhook in MutatingWebhookConfiguration.of(configuration).webhooks:
        for mesh, suffix in _SUFFIX.items():
            if webhook.name.endswith(suffix):
                found[mesh] = (*found.get(mesh, ()), webhook)
    return found
