"""Which pods Linkerd's injector gives a proxy, and why it leaves others alone that ask for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.kubernetes.metadata import annotations_of
from harness.base.vocabulary import Mesh
from harness.traffic.observables import Proxy

if TYPE_CHECKING:
    from harness.model.control_plane import Candidate

_NATIVE = tuple(
    f"{group}.linkerd.io/proxy-enable-native-sidecar" for group in ("config", "config.beta", "config.alpha")
)

_CHOICES = ("enabled", "ingress", "disabled")
_INIT_CONTAINERS = ("istio-init", "linkerd-init")


def inject(candidate: Candidate) -> Proxy | str | None:
    """Returns Linkerd's proxy, or why its injector leaves pods alone that ask for it; None if none asks."""
    sources = (annotations_of(candidate.namespace), candidate.metadata.annotations)
    choices = [annotations.get(marks.LINKERD_INJECT) or "" for annotations in sources]
    if all(choice in ("", "disabled") for choice in choices):
        return None
    obstacles = _obstacles(candidate, *choices)
    if not obstacles:
        written = (source[key] for source in reversed(sources) for key in _NATIVE if key in source)
        mode = next(filter(None, reversed(choices)))
        return Proxy(Mesh.LINKERD, next(written, "true") != "false", ingress=mode == "ingress")
    if Mesh.LINKERD in candidate.present:
        return None
    return f"Linkerd sidecar proxy injection skipped: {', '.join(obstacles)}"


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
