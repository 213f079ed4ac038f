"""Istio's control plane: istiod, its webhooks, its injector and its gateway controller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.gateway_api.gateway import class_of
from harness.api.istio import ingress, pod_annotations
from harness.api.istio.admission.webhook import validate
from harness.api.istio.gateway import runs_gateway
from harness.api.istio.security import identity
from harness.api.istio.security.authentication import GROUP, PolicySpec
from harness.api.kubernetes.metadata import labels_of
from harness.api.schema.kinds import MESH_OF_GROUP
from harness.base.errors import not_modelled
from harness.base.vocabulary import Mesh
from harness.model.control_plane import ControlPlane
from harness.model.istio import injection, mesh_config, revision
from harness.model.istio.gateway import deployment, status
from harness.model.state import Undecided

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.api.kubernetes.definition import MutatingWebhook
    from harness.api.kubernetes.pod import PodTemplate
    from harness.base.resources import Resource
    from harness.model.control_plane import Candidate
    from harness.model.state import Objects, State
    from harness.traffic.observables import Proxy
    from harness.traffic.status import Status

_SERVED = ("Service", "ServiceEntry")
"""What a waypoint serves."""


class IstioControlPlane(ControlPlane):
    """Takes in what the API server has, and deploys gateways of its class."""

    mesh = Mesh.ISTIO
    injector = "sidecar-injector.istio.io"

    def beside(self, resources: Iterable[Resource]) -> Iterator[Resource]:
        (istiod,) = (each for each in self.installed if revision.is_istiod(each))
        yield from revision.assumed(istiod, resources)

    def brought(self, resource: Resource) -> bool:
        return MESH_OF_GROUP.get(resource.group) is Mesh.ISTIO and marks.ISTIO_COMPONENT in labels_of(
            resource
        )

    def implements(self, resource: Resource) -> bool:
        return class_of(resource) == deployment.BUILTIN_CLASS or ingress.is_written_for_istio(resource)

    def validate(self, resource: Resource) -> None:
        if MESH_OF_GROUP.get(resource.group) is Mesh.ISTIO:  # of other kinds its webhook is asked about none
            validate(resource)

    def reports(self, state: State, resource: Resource) -> Iterable[Status]:
        return status.of(state, resource)

    def deployed(self, objects: Objects, gateway: Resource) -> tuple[Resource, ...]:
        return deployment.deployed(objects, gateway)

    def check_settings(self, resource: Resource) -> None:
        mesh_config.check(resource)

    def check_marks(
        self, owner: Resource, labels: Mapping[str, str], annotations: Mapping[str, str], *, installed: bool
    ) -> None:
        """Raises NotModelledError for ways round a proxy, and (if an Istio reads them) for ambient marks."""
        for field, why in pod_annotations.undecided(owner, annotations):
            raise not_modelled(owner, field, why)
        if not installed:
            return
        if labels.get(marks.ISTIO_AMBIENT) == "ambient":
            why = "ambient mode takes the sidecars' place"
            raise not_modelled(owner, f"label {marks.ISTIO_AMBIENT}", why)
        waypoint = next((key for key in marks.ISTIO_WAYPOINTS if labels.get(key, "none") != "none"), None)
        if waypoint:
            raise not_modelled(owner, f"label {waypoint}", "a waypoint decides instead of sidecars")

    def unsure(self, resources: Iterable[Resource]) -> Iterator[Undecided]:
        """Yields the policies that a waypoint enforces, in ambient mode, and sidecars pass over."""
        why = "at a Service a waypoint enforces it, and nothing says whether sidecars or a waypoint are there"
        for policy in resources:
            if policy.group == GROUP and any(to.kind in _SERVED for to in PolicySpec.of(policy).targets):
                yield Undecided(policy, "spec.targetRefs", why)

    def inject(self, candidate: Candidate, webhooks: tuple[MutatingWebhook, ...]) -> Proxy | None:
        """Returns Istio's proxy; NotModelledError for a revision that no webhook is known of."""
        if not webhooks:
            injection.refuse_unknown_revisions(candidate, revision.running(candidate.objects))
        if Mesh.ISTIO in candidate.present or not self.is_asked(candidate, webhooks):
            return None
        return injection.inject(candidate)

    def seen_by_own(self, candidate: Candidate, labels: Mapping[str, str]) -> Mapping[str, str]:
        """Returns labels that ask for a revision that is there as if they asked for the default one."""
        asked = labels.get(marks.ISTIO_REVISION)
        if asked is None or asked not in revision.running(candidate.objects):
            return labels
        return {**labels, marks.ISTIO_REVISION: revision.DEFAULT}

    def is_gateway(self, template: PodTemplate) -> bool:
        return runs_gateway(template)

    def identity(self, objects: Objects, namespace: str, account: str) -> str:
        return identity.service_account(account, namespace, mesh_config.trust_domain(objects))
