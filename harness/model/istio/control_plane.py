"""Istio's control plane: istiod, its webhooks, its injector and its gateway controller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.istio.gateway import runs_gateway
from harness.api.istio.security import identity as identities
from harness.api.istio.validation import validate as _validate
from harness.api.objects import labels_of
from harness.api.schema.kinds import MESH_OF_GROUP
from harness.base.errors import not_modelled
from harness.base.vocabulary import Mesh
from harness.model.istio import installation, mesh_config
from harness.model.istio.gateway import deployment
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

installed = installation.OBJECTS
injector = "sidecar-injector.istio.io"
inherited: tuple[str, ...] = ()
tunnel = None

_COMPONENT = "operator.istio.io/component"

_NEVER_INJECTED = frozenset(("kube-system", "kube-public", "kube-node-lease", "local-path-storage"))

# Annotations by which some of a pod's traffic goes round its proxy, or is taken for something else.
_BYPASSES = (
    "traffic.sidecar.istio.io/includeInboundPorts",
    "traffic.sidecar.istio.io/includeOutboundPorts",
    "traffic.sidecar.istio.io/includeOutboundIPRanges",
    "traffic.sidecar.istio.io/excludeOutboundIPRanges",
    "proxy.istio.io/config",
)

_NO_INJECTION = expression(marks.ISTIO_INJECTION, "DoesNotExist")
_NO_REVISION = expression(marks.ISTIO_REVISION, "DoesNotExist")
_DEFAULT_REVISION = expression(marks.ISTIO_REVISION, "In", "default")
_NOT_DECLINED = expression(marks.ISTIO_INJECT, "NotIn", "false")

# [istio/istio: manifests/charts/istio-control]
_INSTALLED = _webhooks(
    ([_DEFAULT_REVISION, _NO_INJECTION], [_NOT_DECLINED]),
    ([_NO_REVISION, _NO_INJECTION], [_NOT_DECLINED, _DEFAULT_REVISION]),
    ([expression(marks.ISTIO_INJECTION, "In", "enabled")], [_NOT_DECLINED]),
    ([_NO_INJECTION, _NO_REVISION], [expression(marks.ISTIO_INJECT, "In", "true"), _NO_REVISION]),
)


def brought(resource: Resource) -> bool:
    """Returns whether Istio's installer made an object of its own kinds."""
    return MESH_OF_GROUP.get(resource.group) is Mesh.ISTIO and _COMPONENT in labels_of(resource)


def implements(resource: Resource) -> bool:
    """Returns whether an object is a Gateway of Istio's own class."""
    return deployment.is_istios(resource)


def validate(resource: Resource) -> None:
    """Raises Refused where Istio's webhook refuses an object; of other kinds it is asked about none."""
    if MESH_OF_GROUP.get(resource.group) is Mesh.ISTIO:
        _validate(resource)


def indexes(_resource: Resource) -> bool:
    """Returns True: Istio takes what the API server has."""
    return True


def deployed(objects: Objects, gateway: Resource) -> Iterable[Resource]:
    """Returns the Deployment and the Service that Istio makes for a Gateway of its class."""
    return deployment.deployed(objects, gateway)


def check_marks(
    owner: Resource, labels: Mapping[str, str], annotations: Mapping[str, str], *, installed: bool
) -> None:
    """Raises NotModelledError for ways round a proxy, and for ambient mode and waypoints.

    The labels of the latter count where there is an Istio to read them.
    """
    bypass = next((key for key in _BYPASSES if key in annotations), None)
    if bypass:
        why = "it takes some traffic round the proxy, or changes what the proxy makes of it"
        raise not_modelled(owner, f"annotation {bypass}", why)
    if not installed:
        return
    if labels.get(marks.ISTIO_AMBIENT) == "ambient":
        raise not_modelled(owner, f"label {marks.ISTIO_AMBIENT}", "ambient mode takes the sidecars' place")
    waypoint = next((key for key in marks.ISTIO_WAYPOINTS if labels.get(key, "none") != "none"), None)
    if waypoint:
        raise not_modelled(owner, f"label {waypoint}", "a waypoint decides instead of sidecars")


def inject(candidate: Candidate, webhooks: tuple[MutatingWebhook, ...]) -> Proxy | None:
    """Returns Istio's proxy if it is injected [istio/istio: pkg/kube/inject, injectRequired].

    Raises NotModelledError for a revision that no webhook is known of.
    """
    metadata, namespace = candidate.metadata, candidate.namespace
    if not webhooks:
        _refuse_unknown_revisions(candidate)
    if Mesh.ISTIO in candidate.present or not asked(webhooks or _INSTALLED, namespace, metadata.labels):
        return None
    declined = marks.choice(Mesh.ISTIO, metadata.labels, metadata.annotations) is False
    if declined or candidate.spec.host_network or namespace.name in _NEVER_INJECTED:
        return None
    return Proxy(Mesh.ISTIO, native=metadata.annotations.get("sidecar.istio.io/nativeSidecar") != "false")


def is_gateway(template: PodTemplate) -> bool:
    """Returns whether pods are Istio's gateways."""
    return runs_gateway(template)


def identity(objects: Objects, namespace: str, account: str) -> str:
    """Returns the SPIFFE identity of a ServiceAccount's pods that start now."""
    return identities.service_account(account, namespace, mesh_config.trust_domain(objects))


def _refuse_unknown_revisions(candidate: Candidate) -> None:
    """Raises NotModelledError where a revision or tag is asked and no webhook tells whether it is there."""
    of_namespace, of_pod = labels_of(candidate.namespace), candidate.metadata.labels
    if marks.ISTIO_INJECTION in of_namespace or of_pod.get(marks.ISTIO_INJECT) == "false":
        return
    for owner, labels in ((candidate.namespace, of_namespace), (candidate.workload, of_pod)):
        revision = labels.get(marks.ISTIO_REVISION)
        if revision not in (None, "default"):
            why = f"no MutatingWebhookConfiguration tells whether a revision or tag {revision!r} is installed"
            raise not_modelled(owner, f"label {marks.ISTIO_REVISION}", why)
        if revision:
            return
