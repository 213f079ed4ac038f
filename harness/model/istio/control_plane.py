"""Istio's control plane: istiod, its webhooks, its injector and its gateway controller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.gateway_api.gateway import class_of
from harness.api.istio.gateway import runs_gateway
from harness.api.istio.security import identity
from harness.api.istio.validation import validate
from harness.api.kubernetes.metadata import labels_of
from harness.api.schema.kinds import MESH_OF_GROUP
from harness.base.errors import not_modelled
from harness.base.vocabulary import Mesh
from harness.model.control_plane import ControlPlane
from harness.model.istio import mesh_config
from harness.model.istio.gateway import deployment
from harness.traffic.observables import Proxy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.api.kubernetes.definition import MutatingWebhook
    from harness.api.kubernetes.pod import PodTemplate
    from harness.base.resources import Resource
    from harness.model.control_plane import Candidate
    from harness.model.state import Objects

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


class IstioControlPlane(ControlPlane):
    """Takes in what the API server has, and deploys gateways of its class."""

    mesh = Mesh.ISTIO
    injector = "sidecar-injector.istio.io"

    def brought(self, resource: Resource) -> bool:
        return MESH_OF_GROUP.get(resource.group) is Mesh.ISTIO and _COMPONENT in labels_of(resource)

    def implements(self, resource: Resource) -> bool:
        return class_of(resource) == deployment.BUILTIN_CLASS

    def validate(self, resource: Resource) -> None:
        if MESH_OF_GROUP.get(resource.group) is Mesh.ISTIO:  # of other kinds its webhook is asked about none
            validate(resource)

    def deployed(self, objects: Objects, gateway: Resource) -> tuple[Resource, ...]:
        return deployment.deployed(objects, gateway)

    def check_marks(
        self, owner: Resource, labels: Mapping[str, str], annotations: Mapping[str, str], *, installed: bool
    ) -> None:
        """Raises NotModelledError for ways round a proxy, and (if an Istio reads them) for ambient marks."""
        bypass = next((key for key in _BYPASSES if key in annotations), None)
        if bypass:
            why = "it takes some traffic round the proxy, or changes what the proxy makes of it"
            raise not_modelled(owner, f"annotation {bypass}", why)
        if not installed:
            return
        if labels.get(marks.ISTIO_AMBIENT) == "ambient":
            why = "ambient mode takes the sidecars' place"
            raise not_modelled(owner, f"label {marks.ISTIO_AMBIENT}", why)
        waypoint = next((key for key in marks.ISTIO_WAYPOINTS if labels.get(key, "none") != "none"), None)
        if waypoint:
            raise not_modelled(owner, f"label {waypoint}", "a waypoint decides instead of sidecars")

    def inject(self, candidate: Candidate, webhooks: tuple[MutatingWebhook, ...]) -> Proxy | None:
        """Returns Istio's proxy if it is injected [istio/istio: pkg/kube/inject, injectRequired].

        Raises NotModelledError for a revision that no webhook is known of.
        """
        metadata = candidate.metadata
        if not webhooks:
            _refuse_unknown_revisions(candidate)
        if Mesh.ISTIO in candidate.present or not self.is_asked(candidate, webhooks):
            return None
        declined = marks.choice(Mesh.ISTIO, metadata.labels, metadata.annotations) is False
        if declined or candidate.spec.host_network or candidate.namespace.name in _NEVER_INJECTED:
            return None
        native = metadata.annotations.get("sidecar.istio.io/nativeSidecar") != "false"
        return Proxy(Mesh.ISTIO, native=native)

    def is_gateway(self, template: PodTemplate) -> bool:
        return runs_gateway(template)

    def identity(self, objects: Objects, namespace: str, account: str) -> str:
        return identity.service_account(account, namespace, mesh_config.trust_domain(objects))


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
