"""Linkerd's control plane: its webhooks, its injector, and the policy controller's index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.kubernetes.metadata import annotations_of
from harness.api.linkerd.policy import service_account
from harness.api.linkerd.validation import validate
from harness.base.errors import not_modelled
from harness.base.vocabulary import Mesh
from harness.model.control_plane import ControlPlane
from harness.model.linkerd import config
from harness.model.linkerd.routing import routes
from harness.traffic.observables import Proxy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.api.kubernetes.definition import MutatingWebhook
    from harness.base.resources import Resource
    from harness.model.control_plane import Candidate
    from harness.model.state import Objects

_NATIVE = tuple(
    f"{group}.linkerd.io/proxy-enable-native-sidecar" for group in ("config", "config.beta", "config.alpha")
)

_CHOICES = ("enabled", "ingress", "disabled")
_INIT_CONTAINERS = ("istio-init", "linkerd-init")


class LinkerdControlPlane(ControlPlane):
    """Has no gateways; its index keeps the version before of what it can't read."""

    mesh = Mesh.LINKERD
    injector = "linkerd-proxy-injector.linkerd.io"
    inherited = ("config.linkerd.io/",)
    tunnel = 4143

    def validate(self, resource: Resource) -> None:
        validate(resource)

    def indexes(self, resource: Resource) -> bool:
        return routes.unreadable(resource) is None

    def check_marks(
        self, owner: Resource, labels: Mapping[str, str], annotations: Mapping[str, str], *, installed: bool
    ) -> None:
        """Raises NotModelledError for pods in ingress mode; a Service has no mode."""
        if owner.kind != "Service" and annotations.get(marks.LINKERD_INJECT) == "ingress":
            why = "ingress mode routes by a header"
            raise not_modelled(owner, f"annotation {marks.LINKERD_INJECT}", why)

    def inject(self, candidate: Candidate, webhooks: tuple[MutatingWebhook, ...]) -> Proxy | str | None:
        """Returns Linkerd's proxy, or why its injector leaves pods alone that ask for it."""
        sources = (annotations_of(candidate.namespace), candidate.metadata.annotations)
        choices = [annotations.get(marks.LINKERD_INJECT) or "" for annotations in sources]
        wanted = any(choice not in ("", "disabled") for choice in choices)
        if not wanted or not self.is_asked(candidate, webhooks):
            return None
        obstacles = _obstacles(candidate, *choices)
        if not obstacles:
            written = (source[key] for source in reversed(sources) for key in _NATIVE if key in source)
            return Proxy(Mesh.LINKERD, native=next(written, "true") != "false")
        if Mesh.LINKERD in candidate.present:
            return None
        return f"Linkerd sidecar proxy injection skipped: {', '.join(obstacles)}"

    def identity(self, objects: Objects, namespace: str, account: str) -> str:
        return service_account(account, namespace, config.read(objects).trust_domain)


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
